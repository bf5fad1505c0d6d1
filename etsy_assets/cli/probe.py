"""`etsy-assets probe`: the open questions about Etsy's API, asked with this deployment's key."""

from rich.console import Console
from rich.table import Table

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.probes import ProbeResult, Probes
from etsy_assets.resources.deployment import etsy_api
from etsy_assets.settings import Settings


def run_probe() -> bool:
    """Shows the answers. Whether all of them are what the plans assume."""
    settings, console = Settings.from_environment(), Console()
    results: list[ProbeResult] = []
    with Catalog.open(settings.catalog_url) as catalog:
        api = etsy_api(settings).process_config_and_initialize()
        with api.client(catalog, CallPurpose.NEWEST_LISTINGS) as client:
            probes = Probes(client, settings.taxonomy_node, catalog.latest_quota, settings.image_size)
            with console.status("Asking"):
                results.extend(probes.run())
    console.print(table_of(results, settings.etsy_url))
    surprises = [result for result in results if result.as_expected is False]
    if surprises:
        console.print(f"{len(surprises)} answers are not what the crawl is planned for: see docs/operations.md.")
    return not surprises


def table_of(results: list[ProbeResult], url: str) -> Table:
    table = Table(title=f"Asked of {url}")
    for column in ("question", "answer", "expected", ""):
        table.add_column(column, overflow="fold")
    marks = {True: "[green]yes", False: "[red]no", None: ""}
    for result in results:
        table.add_row(result.question, result.answer, result.expected or "-", marks[result.as_expected])
    return table
