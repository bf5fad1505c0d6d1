"""The `etsy-assets` command."""

import logging
import sys
from pathlib import Path

import click

from etsy_assets.cli.corpus import corpus
from etsy_assets.errors import BadQuery, ConfigurationError, CorruptArtifact, PassingFault


@click.group()
@click.version_option(package_name="etsy-assets")
def cli() -> None:
    """Furniture listings to an ensemble image search, on Dagster."""


@cli.command()
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("demo_report.json"),
    show_default=True,
    help="Where the figures of the run are written.",
)
def demo(report: Path) -> None:
    """Run the whole pipeline once on the simulated shop, offline, and show what a search finds."""
    from etsy_assets.cli.demo import run_demo

    run_demo(report)


@cli.command()
@click.option("--port", default=3000, show_default=True, help="Port of the Dagster UI on 127.0.0.1.")
@click.option("--add-every", default=60.0, show_default=True, help="Seconds between new listings of the shop.")
def dev(port: int, add_every: float) -> None:
    """Start the simulated shop and the Dagster UI with its daemon. Ends on Ctrl-C."""
    from etsy_assets.cli.dev import run_dev

    sys.exit(run_dev(port, add_every))


@cli.command()
def probe() -> None:
    """Ask Etsy's API what the crawl's plans rest on, in about 20 calls. Ends with 1 if an answer is a surprise."""
    from etsy_assets.cli.probe import run_probe

    sys.exit(0 if run_probe() else 1)


cli.add_command(corpus)


def main() -> None:
    """Runs the command; a failure that a person can mend is one sentence and a non-zero exit."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        cli()
    except (BadQuery, ConfigurationError, CorruptArtifact, PassingFault) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
