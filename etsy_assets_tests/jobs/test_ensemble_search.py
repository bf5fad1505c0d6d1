"""The search job, as an analyst launches it: what it shows, and how it refuses."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from PIL import Image

from etsy_assets.search.fusion import FusionMethod
from etsy_assets.storage import Home
from etsy_assets_tests.assets.deployment import ENCODERS, TEXT_ENCODERS, Deployment, retries_of, sentence_of
from etsy_assets_tests.assets.ingested import Ingested


def search(deployed: Deployment, **config: Any) -> dg.ExecuteInProcessResult:
    return deployed.run("ensemble_search", config={"ops": {"load_query": {"config": config}}})


def files_of(deployed: Deployment, run: dg.ExecuteInProcessResult) -> tuple[dict[str, Any], str]:
    """results.json and gallery.html."""
    folder = deployed.home.query(run.run_id)
    return json.loads((folder / "results.json").read_text()), (folder / "gallery.html").read_text()


def a_photo(ingested: Ingested, folder: Path) -> tuple[int, Path]:
    """A photo of the corpus as a file, and its listing."""
    stocked = ingested.shop.listings()[4]
    path = folder / "photo.jpg"
    path.write_bytes(ingested.shop.jpeg(stocked.photos[0].image_id))
    return stocked.listing_id, path


def test_an_empty_configuration_runs_an_example_and_shows_a_gallery(ingested: Ingested) -> None:
    deployed = ingested.deployment
    run = deployed.run("ensemble_search")
    assert run.success
    (event,) = [
        event
        for event in run.all_events
        if event.event_type == dg.DagsterEventType.STEP_OUTPUT and event.step_key == "report"
    ]
    metadata = {name: value.value for name, value in event.step_output_data.metadata.items()}
    assert metadata["gallery"].count("data:image/jpeg;base64,") >= metadata["matches"] == 9
    assert metadata["snapshot"] == ingested.snapshot.version
    assert {"embed_seconds", "search_seconds", "rank_seconds"} <= set(metadata)
    results, gallery = files_of(deployed, run)
    assert metadata["results_file"] == str(deployed.home.query(run.run_id) / "results.json")
    assert results["channels"] == list(ENCODERS)
    assert all(name in gallery for name in ENCODERS)
    assert "http://127.0.0.1" not in gallery


def test_a_photo_of_the_corpus_finds_itself(ingested: Ingested, tmp_path: Path) -> None:
    listing_id, path = a_photo(ingested, tmp_path)
    run = search(ingested.deployment, image_path=str(path), k=3)
    results, _ = files_of(ingested.deployment, run)
    first, *others = results["matches"]
    assert first["listing_id"] == listing_id
    assert set(first["ranks"].values()) == {1}
    assert min(first["similarities"].values()) > 0.999
    assert len(others) == 2


def test_a_photo_at_a_url_is_searched_with_and_its_key_is_not_kept(ingested: Ingested, open_shop: Callable) -> None:
    shop = open_shop()
    photo = ingested.shop.listings()[2].photos[0]
    run = search(ingested.deployment, image_url=f"{shop.url}{photo.path('fullxfull')}?token=SECRET", k=1)
    results, gallery = files_of(ingested.deployment, run)
    assert results["matches"][0]["image_id"] == photo.image_id
    assert "SECRET" not in json.dumps(results) + gallery


def test_a_listing_finds_others_like_it_and_not_itself(ingested: Ingested) -> None:
    listing_id = ingested.shop.listings()[0].listing_id
    results, _ = files_of(ingested.deployment, search(ingested.deployment, listing_id=listing_id, k=50))
    found = [match["listing_id"] for match in results["matches"]]
    assert len(found) == len(set(found)) == 8
    assert listing_id not in found


def test_a_text_asks_the_encoders_that_read(ingested: Ingested) -> None:
    results, _ = files_of(ingested.deployment, search(ingested.deployment, text="walnut chair"))
    assert results["channels"] == [*TEXT_ENCODERS, *(f"text_{name}" for name in TEXT_ENCODERS)]
    assert len(results["matches"]) == 9


@pytest.mark.parametrize("method", list(FusionMethod))
def test_every_fusion_method_ranks_a_whole_answer(ingested: Ingested, method: FusionMethod) -> None:
    listing_id = ingested.shop.listings()[0].listing_id
    run = search(ingested.deployment, listing_id=listing_id, method=method.name, k=4)
    results, _ = files_of(ingested.deployment, run)
    scores = [match["score"] for match in results["matches"]]
    assert results["method"] == method
    assert scores == sorted(scores, reverse=True)
    assert [match["position"] for match in results["matches"]] == [1, 2, 3, 4]


def test_encoders_and_weights_can_be_chosen(ingested: Ingested) -> None:
    one, other = ENCODERS[0], ENCODERS[3]
    listing_id = ingested.shop.listings()[0].listing_id
    run = search(ingested.deployment, listing_id=listing_id, encoders=[one, other], weights={one: 3.0, other: 1.0})
    results, _ = files_of(ingested.deployment, run)
    assert results["weights"] == {one: 0.75, other: 0.25}


def not_an_image(folder: Path) -> Path:
    path = folder / "notes.jpg"
    path.write_text("this is a shopping list")
    return path


def half_an_image(folder: Path) -> Path:
    whole = folder / "whole.jpg"
    Image.effect_noise((300, 300), 60).save(whole)
    path = folder / "half.jpg"
    path.write_bytes(whole.read_bytes()[:5_000])
    return path


REFUSALS = {
    "a file that is no image": (lambda folder: {"image_path": str(not_an_image(folder))}, r"notes\.jpg is no image"),
    "half an image": (lambda folder: {"image_path": str(half_an_image(folder))}, r"half\.jpg is no image"),
    "a missing file": (lambda folder: {"image_path": str(folder / "none.jpg")}, r"none\.jpg does not exist"),
    "a folder": (lambda folder: {"image_path": str(folder)}, r"is a folder"),
    "a url that does not answer": (lambda _: {"image_url": "http://127.0.0.1:9/a.jpg?key=SECRET"}, r"does not answer"),
    "no web address": (lambda _: {"image_url": "chair.jpg"}, r"is no web address"),
    "an unknown listing": (lambda _: {"listing_id": 12345}, r"Listing 12345 is not among the 9 listings"),
    "a negative listing": (lambda _: {"listing_id": -1}, r"-1 is no listing id"),
    "a blank text": (lambda _: {"text": "   "}, r"The text is blank"),
    "two queries at once": (lambda _: {"text": "chair", "listing_id": 1}, r"exactly one of .*listing_id, text"),
    "k = 0": (lambda _: {"k": 0}, r"k is 0: ask for at least 1"),
    "per_encoder = 0": (lambda _: {"per_encoder": 0}, r"per_encoder is 0"),
    "an unknown encoder": (lambda _: {"encoders": ["clip_vitb32"]}, r"'clip_vitb32' .*choose from demo_clip_a"),
    "an encoder that can't read": (lambda _: {"text": "chair", "encoders": [ENCODERS[2]]}, r"a query by text"),
    "a weight for an unknown encoder": (lambda _: {"weights": {"nobody": 1.0}}, r"no encoder 'nobody' to weight"),
    "weights that are all zero": (lambda _: {"weights": dict.fromkeys(ENCODERS, 0.0)}, r"weight"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_search_that_can_not_be_run_fails_with_one_sentence_and_writes_nothing(
    ingested: Ingested, tmp_path: Path, name: str
) -> None:
    config, expected = REFUSALS[name]
    run = search(ingested.deployment, **config(tmp_path))
    assert not run.success
    sentence = sentence_of(run)
    assert_one_sentence(sentence)
    assert re.search(expected, sentence), sentence
    assert "SECRET" not in sentence
    assert not retries_of(run)
    assert not ingested.deployment.home.query(run.run_id).exists()


def assert_one_sentence(text: str) -> None:
    assert "\n" not in text
    assert text.endswith(".")
    assert len(text) < 500


def test_a_fusion_method_that_does_not_exist_is_refused_before_the_run_starts(ingested: Ingested) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="FusionMethod got vote"):
        search(ingested.deployment, method="vote")


def test_an_empty_corpus_is_said_to_be_empty(deploy: Callable[..., Deployment]) -> None:
    deployed = deploy()
    sentence = sentence_of(deployed.run("ensemble_search"))
    assert sentence == "There is nothing to search, as no snapshot was published yet: materialize search_snapshot."
    assert not Home(deployed.settings.home).snapshots.exists()
