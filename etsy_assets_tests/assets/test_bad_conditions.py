"""What only a person can mend ends a run at once with one sentence; what passes by itself is tried again first."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from etsy_assets_tests.assets.deployment import (
    CLOSED_SHOP,
    ENCODERS,
    Deployment,
    retries_of,
    sentence_of,
)
from etsy_assets_tests.assets.hasty import HastyDownloads, hasty_resources

BATCH = "batch-000001"


def test_a_wrong_api_key_is_a_sentence_without_the_key_and_is_not_tried_again(
    deploy: Callable[..., Deployment], open_shop: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETSY_ASSETS_DEMO_KEY", "wrongkeystring")
    shop = open_shop()
    deployed = deploy(shop.url)
    run = deployed.run("crawl_newest")
    assert not run.success
    assert retries_of(run) == 0
    sentence = sentence_of(run)
    assert "Set the keystring" in sentence
    assert "wrongkeystring" not in sentence
    assert shop.requests().statuses == {403: 1}
    with deployed.catalog() as catalog:
        assert catalog.counts()["discovered"] == 0


def test_a_missing_api_key_of_the_full_profile_says_which_variables_to_set(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ETSY_KEYSTRING", "ETSY_SHARED_SECRET"):
        monkeypatch.delenv(name, raising=False)
    run = deploy(PROFILE="full").run("crawl_newest")
    assert not run.success
    assert retries_of(run) == 0
    assert sentence_of(run).startswith("The Etsy API has no key: set ETSY_KEYSTRING and ETSY_SHARED_SECRET")


def test_a_shop_that_does_not_answer_is_tried_again_and_then_named(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy(resources=hasty_resources(CLOSED_SHOP))
    run = deployed.run("crawl_newest")
    assert not run.success
    assert retries_of(run) == 2
    assert CLOSED_SHOP in sentence_of(run)
    assert "got no answer" in sentence_of(run)
    with deployed.catalog() as catalog:
        assert catalog.counts()["discovered"] == 0


def test_an_image_server_that_is_down_is_no_batch_of_broken_images(copied: Callable[..., Deployment]) -> None:
    deployed = copied(resources={"image_downloads": HastyDownloads()})
    expected = deployed.artifacts("images")
    for path in deployed.home.images(BATCH).parent.glob(f"{BATCH}.*"):
        path.unlink()
    run = deployed.run("ingest", BATCH, only=[dg.AssetKey("images")])
    assert not run.success
    assert retries_of(run) == 2
    assert "The image server is down or refuses us" in sentence_of(run)
    left = {path for path in deployed.artifacts("images") if Path(path).name.startswith(BATCH)}
    assert not left & set(expected)
    with deployed.catalog() as catalog:
        assert {outcome.status for outcome in catalog.outcomes(BATCH, "download").values()} == {"ok"}


def test_missing_weights_are_named_with_what_to_do(copied: Callable[..., Deployment], tmp_path: Path) -> None:
    folder = tmp_path / "weights" / ENCODERS[0]
    folder.mkdir(parents=True)
    deployed = copied(WEIGHTS=str(folder.parent))
    before = deployed.artifacts("embeddings")
    run = deployed.run("ingest", BATCH, only=[dg.AssetKey(["embeddings", ENCODERS[0]])])
    assert not run.success
    assert retries_of(run) == 0
    assert sentence_of(run).startswith(f"The folder {folder} has no open_clip_model.safetensors")
    assert "copy it there" in sentence_of(run)
    assert deployed.artifacts("embeddings") == before


def test_a_stage_whose_input_was_never_made_says_which_to_run(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    deployed.home.cutouts(BATCH).unlink()
    run = deployed.run("ingest", BATCH, only=[dg.AssetKey(["embeddings", ENCODERS[0]])])
    assert not run.success
    assert retries_of(run) == 0
    assert str(deployed.home.cutouts(BATCH)) in sentence_of(run)


def test_a_segment_without_an_embedded_batch_says_what_to_run_first(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    deployed.instance.add_dynamic_partitions("index_segment", ["segment-0000"])
    run = deployed.run("index_segment", "segment-0000")
    assert sentence_of(run).startswith("segment-0000 has no batch that is wholly embedded: run the ingest job")
    assert deployed.artifacts("segments") == {}
    published = deployed.run("publish_snapshot")
    assert "There is no segment to publish" in sentence_of(published)
    assert deployed.artifacts("snapshots") == {}


def test_a_batch_that_is_not_in_the_catalog_is_refused(deploy: Callable[..., Deployment], open_shop: Callable) -> None:
    deployed = deploy(open_shop().url)
    deployed.instance.add_dynamic_partitions("listing_batch", ["batch-000077"])
    run = deployed.run("ingest", "batch-000077", only=[dg.AssetKey("listings")])
    assert not run.success
    assert "There is no batch batch-000077 in the catalog" in sentence_of(run)
    assert retries_of(run) == 0
