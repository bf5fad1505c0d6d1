"""What must not be kept: gone from every file and table, and proven to be."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
import sqlalchemy as sa

from etsy_assets.catalog.schema import discovered_listing, listing
from etsy_assets.purging import purge as purge_module
from etsy_assets.purging.proof import traces
from etsy_assets_tests.assets.deployment import ENCODERS, Deployment, checks_of, metadata_of

BATCH = "batch-000001"
PROOF = ("purged_listings", "nothing_purged_is_left")


def purge(deployed: Deployment, **config: list[int]) -> tuple[dict, dg.AssetCheckEvaluation]:
    run = deployed.run("purge", config={"ops": {"purged_listings": {"config": config}}})
    assert run.success
    return metadata_of(run, "purged_listings"), checks_of(run)[PROOF]


def first_listing(deployed: Deployment) -> int:
    with deployed.catalog() as catalog:
        return catalog.batch_listing_ids(BATCH)[0]


def search_for(deployed: Deployment, listing_id: int) -> bool:
    return deployed.run(
        "ensemble_search", config={"ops": {"load_query": {"config": {"listing_id": listing_id}}}}
    ).success


def grow_old(deployed: Deployment, *folders: str) -> None:
    """As if their files had been written two days ago: younger ones may belong to a build."""
    then = time.time() - 2 * 86_400
    for folder in folders:
        for path in (deployed.home.root / folder).rglob("*"):
            if path.is_file():
                os.utime(path, (then, then))


def holding(deployed: Deployment, listing_id: int) -> set[str]:
    """The places of all files in which the listing's id is found, read as bytes."""
    found = {trace.place for trace in traces(deployed.home, [listing_id])}
    for path in deployed.home.root.rglob("*.json"):
        if str(listing_id) in path.read_text():
            found.add(path.relative_to(deployed.home.root).parts[0])
    for place in ("images", "cutouts"):
        for path in (deployed.home.root / place).glob("*.tar"):
            if f"{listing_id}_".encode() in path.read_bytes():
                found.add(place)
    return found


def test_a_listing_that_was_asked_to_go_leaves_every_file_with_the_next_publish(
    copied: Callable[..., Deployment],
) -> None:
    deployed = copied()
    gone = first_listing(deployed)
    assert search_for(deployed, gone)
    assert holding(deployed, gone) == {
        *("images", "cutouts", "embeddings", "text_embeddings", "segments", "queries"),
    }
    # What a run that was killed has left, with pictures in it.
    unfinished = [
        deployed.home.images(BATCH).with_name(f"{BATCH}.journal"),
        deployed.home.cutouts(BATCH).with_name(f"{BATCH}.tar.partial"),
        deployed.home.embeddings(ENCODERS[0], BATCH).with_suffix(".partial"),
    ]
    for path in unfinished:
        path.write_bytes(b"pictures")
    others = {name: data for name, data in deployed.artifacts("images", "embeddings").items() if BATCH not in name}

    shown, check = purge(deployed, listing_ids=[gone])
    assert (shown["purged_listings"], shown["batches"], shown["purged_reports"]) == (1, 1, 1)
    assert shown["purged_rows"]["listing"] == 1
    assert not any(path.exists() for path in unfinished)
    # What is published holds it until the next publish, and says so.
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert holding(deployed, gone) == {"segments"}
    assert deployed.artifacts("images", "embeddings").items() >= others.items()

    deployed.publish()
    assert gone not in set(deployed.corpus().listing_ids)
    assert len(set(deployed.corpus().listing_ids)) == 8
    assert not search_for(deployed, gone)
    grow_old(deployed, "segments", "snapshots", "codebooks")
    shown, check = purge(deployed)
    assert shown["purged_listings"] == 0
    assert check.passed
    assert holding(deployed, gone) == set()
    # The batch can be run again, and does not bring it back.
    assert deployed.run("ingest", BATCH, only=[dg.AssetKey("cutouts")]).success
    assert holding(deployed, gone) == set()


def test_a_shop_goes_with_all_of_its_listings(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    with deployed.catalog() as catalog:
        shop_id = catalog.listing(first_listing(deployed)).shop_id
        theirs = {
            record.listing_id
            for batch in catalog.batch_keys()
            for record in catalog.listings(batch)
            if record.shop_id == shop_id
        }
    shown, _ = purge(deployed, shop_ids=[shop_id])
    assert shown["purged_listings"] == len(theirs) > 0
    assert not [trace for trace in traces(deployed.home, theirs) if trace.place != "segments"]
    deployed.publish()
    assert not theirs & set(deployed.corpus().listing_ids)


def test_what_was_read_too_long_ago_goes_by_itself(copied: Callable[..., Deployment]) -> None:
    deployed = copied(STORAGE_HOURS="720")
    assert purge(deployed)[0]["purged_listings"] == 0
    old = first_listing(deployed)
    images = len(deployed.corpus().rows_of(old))
    with deployed.catalog() as catalog, catalog._writer.begin() as connection:
        then = datetime.now(UTC) - timedelta(days=31)
        connection.execute(sa.update(listing).where(listing.c.listing_id == old).values(fetched_at=then))
    shown, _ = purge(deployed)
    assert (shown["purged_listings"], shown["purged_rows"]["image"]) == (1, images)
    assert {trace.place for trace in traces(deployed.home, [old])} == {"segments"}


def test_a_purge_that_is_killed_between_files_and_catalog_is_made_up_for_by_the_next(
    copied: Callable[..., Deployment], monkeypatch
) -> None:
    deployed = copied()
    gone = first_listing(deployed)
    with monkeypatch.context() as broken:
        broken.setattr(purge_module, "purge_batch", lambda *_: 1 // 0)
        run = deployed.run("purge", config={"ops": {"purged_listings": {"config": {"listing_ids": [gone]}}}})
        assert not run.success
    shown, _ = purge(deployed)
    assert shown["purged_listings"] == 1
    assert holding(deployed, gone) == {"segments"}
    assert deployed.publish().counts.listings == 8


def test_a_listing_that_grew_old_and_was_found_again_is_no_trace(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    gone = first_listing(deployed)
    with deployed.catalog() as catalog, catalog._writer.begin() as connection:
        then = datetime.now(UTC) - timedelta(days=400)
        connection.execute(sa.update(listing).where(listing.c.listing_id == gone).values(fetched_at=then))
        row = connection.execute(sa.select(discovered_listing).where(discovered_listing.c.listing_id == gone)).one()
    assert not purge(deployed)[1].passed
    with deployed.catalog() as catalog, catalog._writer.begin() as connection:
        connection.execute(
            sa.insert(discovered_listing).values({**row._mapping, "batch_number": None, "last_seen": datetime.now(UTC)})
        )
    assert purge(deployed)[1].passed


def test_a_report_of_a_search_that_is_too_old_is_deleted(copied: Callable[..., Deployment]) -> None:
    deployed = copied(STORAGE_HOURS="720")
    assert search_for(deployed, first_listing(deployed))
    (folder,) = (deployed.home.root / "queries").iterdir()
    assert json.loads((folder / "results.json").read_text())["matches"]
    assert purge(deployed)[0]["purged_reports"] == 0
    then = time.time() - 31 * 86_400
    os.utime(folder, (then, then))
    assert purge(deployed)[0]["purged_reports"] == 1
    assert not folder.exists()
