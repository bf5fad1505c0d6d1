"""What furniture is called."""

import dataclasses

import numpy as np

from etsy_assets.demo.furniture import build_mesh, caption, furniture_name, sample_furniture

SAMPLES = [sample_furniture(seed) for seed in range(60)]


def test_the_seeds_that_the_shipped_encoders_know_keep_their_captions():
    assert [caption(sample) for sample in SAMPLES[40:48]] == [
        "mid century black painted bench with tan checked fabric and lower shelf",
        "traditional cherry bench with backrest",
        "mid century sage painted two seat sofa with rust checked fabric",
        "traditional mahogany desk with hutch",
        "industrial pine stool with white metal legs",
        "rustic ebony table lamp with cream leather shade and white metal",
        "traditional ebony corner sofa with burgundy fabric",
        "industrial sage painted double bed with tan linen bedding and black metal legs",
    ]


def test_a_full_caption_names_style_body_and_piece_and_the_fabric_only_if_there_is_any():
    for sample in SAMPLES:
        text = caption(sample)
        painted = " painted" if sample.body_type == "painted" else ""
        assert text.startswith(f"{sample.style} {sample.body}{painted} {furniture_name(sample)}")
        cloth = sample.fabric if sample.pattern == "plain" else f"{sample.pattern} fabric"
        assert (f"{sample.fabric_colour} {cloth}" in text) == build_mesh(sample).traits.uses_fabric


def test_pieces_with_a_name_of_their_own_are_called_by_it():
    of_many_names = ("sofa", "cabinet", "table", "stool")
    samples = [sample for sample in map(sample_furniture, range(250)) if sample.kind in of_many_names]
    names = {furniture_name(sample) for sample in samples}
    assert {"armchair", "sideboard", "chest of drawers", "wardrobe", "round dining table", "bar stool"} <= names
    assert all(name == name.strip() and "  " not in name for name in names)


def test_captions_drawn_at_random_vary_but_always_name_the_piece():
    sample = next(sample for sample in SAMPLES if build_mesh(sample).traits.extra and sample.kind == "bench")
    rng = np.random.default_rng(5)
    texts = [caption(sample, rng) for _ in range(200)]
    assert len(set(texts)) > 20
    assert all(furniture_name(sample) in text for text in texts)
    assert any(text.startswith("a photo of a ") for text in texts)


def test_captions_drawn_from_equal_generators_are_equal():
    first, second = np.random.default_rng(9), np.random.default_rng(9)
    assert [caption(sample, first) for sample in SAMPLES] == [caption(sample, second) for sample in SAMPLES]


def test_a_pattern_is_named_in_place_of_the_plain_fabric():
    sofa = dataclasses.replace(SAMPLES[0], kind="sofa", pattern="striped", fabric="velvet", fabric_colour="teal")
    assert "teal striped fabric" in caption(sofa)
    assert "velvet" not in caption(sofa)
