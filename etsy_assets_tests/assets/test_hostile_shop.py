"""A shop where everything known to go wrong goes wrong: nothing good is lost, and every loss has its reason."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest

from etsy_assets.demo.api.request_log import RequestCounts
from etsy_assets.demo.faults import LISTING_FAULTS_WITHOUT_IMAGES, FaultPlan
from etsy_assets.demo.running import serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets_tests.assets.deployment import Deployment, checks_of, deployment, materializations
from etsy_assets_tests.assets.hasty import hasty_resources

PLAN = replace(FaultPlan.hostile(), slow_seconds=0.01)
# Each lasting fault of an image is met once in so many listings.
LISTINGS = PLAN.image_fault_every
REASONS = {
    "not_found": "http_404",
    "placeholder_png": "placeholder",
    "truncated_jpeg": "truncated",
    "html_page": "html_body",
    "tiny_image": "too_small",
}


@dataclass(frozen=True, slots=True)
class Survived:
    """first, second: what the shop had been asked after each time that everything was run."""

    deployment: Deployment
    shop: SimulatedShop
    runs: dict[str, dg.ExecuteInProcessResult]
    first: RequestCounts
    second: RequestCounts
    artifacts: dict[str, bytes]


def good_artifacts(deployed: Deployment) -> dict[str, bytes]:
    """All that is made of good images. What the index of the images says of a broken one is the reason of the last of
    its tries, which may be another each time.
    """
    found = deployed.artifacts("images", "cutouts", "embeddings", "text_embeddings", "segments")
    return {path: data for path, data in found.items() if not path.startswith("images/") or path.endswith(".tar")}


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory, photo_folder: Path, blank_instance: Path) -> Iterator[Survived]:
    """Everything ingested and published, then all of it once more."""
    shop = SimulatedShop(listings=LISTINGS, photo_folder=photo_folder)
    root = tmp_path_factory.mktemp("hostile")
    with (
        serve(shop, PLAN) as running,
        deployment(root, blank_instance, running.url, hasty_resources(running.url)) as deployed,
    ):
        runs = deployed.ingest_all()
        deployed.publish()
        first, artifacts = running.requests(), good_artifacts(deployed)
        assert deployed.run_range("ingest", min(runs), max(runs)).success
        yield Survived(deployed, shop, runs, first, running.requests(), artifacts)


@pytest.fixture(scope="module")
def expected_failures(survived: Survived) -> dict[int, str]:
    """The broken images of listings that can be had, by image id."""
    without_images = {
        listing_id
        for listing_id, fault in PLAN.lasting_listing_faults(survived.shop).items()
        if fault in LISTING_FAULTS_WITHOUT_IMAGES
    }
    there = {
        photo.image_id
        for stocked in survived.shop.listings()
        if stocked.listing_id not in without_images
        for photo in stocked.photos
    }
    faults = PLAN.lasting_image_faults(survived.shop)
    return {image_id: fault for image_id, fault in faults.items() if image_id in there}


def test_every_batch_completes(survived: Survived) -> None:
    assert len(survived.runs) == 4
    assert all(run.success for run in survived.runs.values())
    assert {429, 500, 404} <= set(survived.first.statuses)


def test_every_failed_image_has_its_reason_recorded(survived: Survived, expected_failures: dict[int, str]) -> None:
    with survived.deployment.catalog() as catalog:
        outcomes = [outcome for batch in survived.runs for outcome in catalog.outcomes(batch, "download").values()]
    found = {outcome.image_id: outcome.reason for outcome in outcomes if outcome.status == "failed"}
    assert expected_failures
    assert {image_id: reason.split(":")[0] for image_id, reason in found.items()} == {
        image_id: REASONS[fault] for image_id, fault in expected_failures.items()
    }


def test_the_run_page_counts_the_reasons_and_warns(survived: Survived, expected_failures: dict[int, str]) -> None:
    failed = 0
    for run in survived.runs.values():
        (images,) = materializations(run, "images")
        failed += images.metadata["failed_images"].value
        check = checks_of(run)["images", "few_images_failed"]
        share = check.metadata["share"].value
        assert check.passed == (share <= 0.05)
        assert check.severity == dg.AssetCheckSeverity.WARN
        if images.metadata["failed_images"].value:
            assert any(f"| {reason} |" in images.metadata["reasons"].value for reason in REASONS.values())
    assert failed == len(expected_failures)


def test_no_good_image_is_lost_or_doubled_in_any_archive(survived: Survived) -> None:
    for folder in (survived.deployment.home.images, survived.deployment.home.cutouts):
        stored = [entry.image_id for batch in survived.runs for entry in ImageArchive.open(folder(batch)).ok_entries()]
        assert len(stored) == len(set(stored))
        assert set(stored) == PLAN.obtainable_images(survived.shop)


def test_every_index_holds_exactly_the_good_images(survived: Survived) -> None:
    corpus = survived.deployment.corpus()
    assert sorted(corpus.image_ids) == sorted(PLAN.obtainable_images(survived.shop))
    assert {index.rows for index in corpus.indexes.values()} == {len(corpus.image_ids)}


def test_running_everything_twice_duplicates_nothing_and_downloads_only_what_had_failed(
    survived: Survived, expected_failures: dict[int, str]
) -> None:
    again = {
        image_id
        for image_id, count in survived.second.images.items()
        if count != survived.first.images.get(image_id, 0)
    }
    assert again == set(expected_failures)
    assert good_artifacts(survived.deployment) == survived.artifacts
    with survived.deployment.catalog() as catalog:
        rows, counts = catalog.image_status(), catalog.counts()
    assert len(rows) == len({(row["listing_id"], row["image_id"]) for row in rows})
    assert counts["discovered"] == counts["listings"] + counts["listings_gone"] == LISTINGS


def test_titles_are_stored_as_their_sellers_wrote_them(survived: Survived) -> None:
    with survived.deployment.catalog() as catalog:
        titles = [record.title for batch in survived.runs for record in catalog.listings(batch)]
    assert titles
    assert not any("&#" in title or "&amp;" in title or "&quot;" in title for title in titles)
