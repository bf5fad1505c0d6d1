"""A corpus made from end to end as the sensors ask for it, and what the shop and the runs said meanwhile."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from etsy_assets.demo.api.request_log import RequestCounts
from etsy_assets.demo.running import serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.search.snapshots import Snapshot
from etsy_assets_tests.assets.deployment import Deployment, deployment


@dataclass(frozen=True, slots=True)
class Ingested:
    """runs: the ingest run of each batch. The shop is closed by now; requests is what it was asked."""

    deployment: Deployment
    shop: SimulatedShop
    requests: RequestCounts
    runs: Mapping[str, dg.ExecuteInProcessResult]
    snapshot: Snapshot


@contextmanager
def ingest_and_publish(root: Path, photo_folder: Path, blank_instance: Path, listings: int) -> Iterator[Ingested]:
    shop = SimulatedShop(listings=listings, photo_folder=photo_folder)
    with serve(shop) as running, deployment(root, blank_instance, running.url) as deployed:
        runs = deployed.ingest_all()
        for batch, run in runs.items():
            assert run.success, batch
        requests = running.requests()
        running.stop()
        yield Ingested(deployed, shop, requests, runs, deployed.publish())
