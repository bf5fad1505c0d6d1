"""Weights that come from the hub: by its own client, against a hub on loopback, and what is said when they can't."""

import dataclasses

import pytest
from huggingface_hub import constants

from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import FULL_ENCODERS, HubRepository, OpenClipTag, find_encoder
from etsy_assets.encoders.weights import fetch
from etsy_assets.errors import ConfigurationError, PassingFault
from etsy_assets_tests.encoders.loopback_hub import LoopbackHub, running
from etsy_assets_tests.encoders.pictures import picture

COMMIT = "5931719e67bbdb9737e363e781fb0c67687896bc"
DINOV3 = find_encoder("dinov3_base")
SMALL = dataclasses.replace(find_encoder("demo_dinov3"), source=HubRepository("some/model"), revision=COMMIT)


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def hub(monkeypatch, weights_root):
    with running(LoopbackHub("some/model", COMMIT, weights_root / "demo_dinov3")) as hub:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield hub


def test_a_model_is_fetched_once_by_repository_and_commit_and_then_loads_offline(hub, encoders, monkeypatch):
    fetched = load_encoder(SMALL, "cpu")
    images = [picture(1)]
    assert fetched.weights_digest == encoders["demo_dinov3"].weights_digest
    assert (fetched.embed_images(images) == encoders["demo_dinov3"].embed_images(images)).all()
    assert {"model.safetensors", "config.json", "preprocessor_config.json"} == set(hub.served)

    hub.served.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    load_encoder(SMALL, "cpu")
    assert hub.served == []


def test_a_folder_of_local_weights_comes_before_the_hub(hub, weights_root):
    load_encoder(SMALL, "cpu", weights_root=weights_root)
    assert hub.served == []


def test_the_first_file_name_that_the_repository_has_is_taken(hub):
    assert fetch(SMALL, "some/model", ["open_clip_model.safetensors", "model.safetensors"]).name == "model.safetensors"


def test_a_repository_without_the_file_says_where_to_put_it(hub):
    with pytest.raises(
        ConfigurationError, match=r"some/model has no weights.bin .*put weights.bin .*ETSY_ASSETS_WEIGHTS"
    ):
        fetch(SMALL, "some/model", ["weights.bin"])


def test_a_gated_model_without_a_token_says_which_licence_to_accept_and_which_variable_to_set(hub):
    hub.status, hub.error_code = 401, "GatedRepo"
    with pytest.raises(ConfigurationError) as caught:
        load_encoder(DINOV3, "cpu")
    assert DINOV3.home_page in str(caught.value)
    assert "HF_TOKEN" in str(caught.value)
    assert "DINOv3 License" in str(caught.value)


def test_a_token_whose_account_was_not_granted_access_gets_the_same_sentence(hub):
    hub.status = 403
    with pytest.raises(ConfigurationError, match=r"Access to the weights of dinov3_base was refused.*HF_TOKEN"):
        load_encoder(DINOV3, "cpu")


def test_a_hub_that_can_not_be_reached_says_what_to_do(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(
        ConfigurationError, match=r"demo_dinov3 are not on this machine and the .* hub can't be reached"
    ):
        fetch(SMALL, "some/model", ["model.safetensors"])


def test_a_request_that_the_hub_refuses_is_not_tried_for_ever(hub):
    hub.status = 451
    with pytest.raises(ConfigurationError, match=r"451 for model\.safetensors of demo_dinov3"):
        fetch(SMALL, "some/model", ["model.safetensors"])


def test_an_unknown_revision_is_a_configuration_error(hub):
    with pytest.raises(ConfigurationError, match=f"no some/model at revision {'0' * 40}"):
        fetch(dataclasses.replace(SMALL, revision="0" * 40), "some/model", ["model.safetensors"])


def test_a_busy_hub_is_a_passing_fault(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)  # Its client tries five times.
    hub.status = 500
    with pytest.raises(PassingFault, match=r"500 for model\.safetensors of demo_dinov3"):
        fetch(SMALL, "some/model", ["model.safetensors"])


@pytest.mark.parametrize("spec", FULL_ENCODERS, ids=lambda spec: spec.name)
def test_published_weights_that_are_not_cached_offline_say_what_to_do(spec):
    with pytest.raises(ConfigurationError) as caught:
        load_encoder(spec, "cpu")
    sentence = str(caught.value)
    assert sentence.startswith(f"The weights of {spec.name} are not on this machine and HF_HUB_OFFLINE is set: ")
    assert "ETSY_ASSETS_WEIGHTS" in sentence
    assert ("HF_TOKEN" in sentence) is spec.gated
    assert (spec.home_page in sentence) is spec.gated
    assert "\n" not in sentence


def test_a_tag_that_open_clip_does_not_know_is_a_configuration_error():
    spec = dataclasses.replace(find_encoder("clip_vitb32"), source=OpenClipTag("ViT-B-32", "laion9b"))
    with pytest.raises(ConfigurationError, match="does not know ViT-B-32 'laion9b'"):
        load_encoder(spec, "cpu")
