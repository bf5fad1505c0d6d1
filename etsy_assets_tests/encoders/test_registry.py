import dataclasses
import re

import pytest

from etsy_assets.encoders.registry import (
    DEMO_ENCODERS,
    FULL_ENCODERS,
    HubRepository,
    PackagedFolder,
    find_encoder,
    profile_encoders,
)
from etsy_assets.errors import ConfigurationError


def test_the_full_profile_is_the_five_published_models_with_their_dimensions():
    assert {spec.name: spec.dimension for spec in profile_encoders("full")} == {
        "clip_vitb32": 512,
        "clip_vitl14": 768,
        "dinov2_base": 768,
        "dinov2_large": 1024,
        "dinov3_base": 768,
    }


def test_the_demo_profile_has_two_clips_two_dinov2_and_a_dinov3_that_all_ship_with_the_package():
    names = [spec.name for spec in profile_encoders("demo")]
    assert names == ["demo_clip_a", "demo_clip_b", "demo_dinov2_a", "demo_dinov2_b", "demo_dinov3"]
    assert all(isinstance(spec.source, PackagedFolder) for spec in DEMO_ENCODERS)


def test_no_name_of_one_profile_can_be_mistaken_for_one_of_the_other():
    assert all(spec.name.startswith("demo_") for spec in DEMO_ENCODERS)
    assert not any(spec.name.startswith("demo_") for spec in FULL_ENCODERS)


def test_published_weights_are_pinned_to_a_commit():
    assert all(re.fullmatch("[0-9a-f]{40}", spec.revision) for spec in FULL_ENCODERS)


def test_only_the_clip_encoders_take_text_and_only_dinov3_is_gated():
    specs = FULL_ENCODERS + DEMO_ENCODERS
    assert all(spec.has_text == ("clip" in spec.name) for spec in specs)
    assert [spec.name for spec in specs if spec.gated] == ["dinov3_base"]


def test_an_unknown_encoder_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigurationError, match=r"no encoder 'clip_vitb16'.*clip_vitb32, clip_vitl14"):
        find_encoder("clip_vitb16", FULL_ENCODERS)


def test_an_unknown_profile_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigurationError, match="no profile 'prod': choose one of demo, full"):
        profile_encoders("prod")


def test_fingerprints_differ_between_all_encoders():
    specs = FULL_ENCODERS + DEMO_ENCODERS
    assert len({spec.fingerprint for spec in specs}) == len(specs)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"revision": "0" * 40}, False),
        ({"source": HubRepository("facebook/dinov2-small")}, False),
        ({"pooling": "patch_mean"}, False),
        ({"image_size": 518}, False),
        ({"precision": "float32"}, True),
        ({"licence": "MIT"}, True),
    ],
)
def test_a_fingerprint_changes_with_what_changes_vectors_and_with_nothing_else(change, same):
    spec = find_encoder("dinov2_base")
    assert (dataclasses.replace(spec, **change).fingerprint == spec.fingerprint) is same


def test_fingerprints_are_a_promise_that_stored_vectors_rest_on():
    # A change here makes every stored vector of that encoder be computed again: change it only for that.
    assert find_encoder("dinov2_base").fingerprint == "49cb9908f47b81f6"
