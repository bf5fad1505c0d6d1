"""What a seed says about a piece of furniture."""

from itertools import pairwise

import pytest

from etsy_assets.demo.furniture import KINDS, sample_furniture
from etsy_assets.demo.furniture.palette import FABRIC_COLOURS, FABRICS, METALS, PAINTS, PATTERNS, STYLES, WOODS
from etsy_assets.demo.furniture.sampling import GENE_COUNT

SAMPLES = [sample_furniture(seed) for seed in range(400)]


def test_a_seed_gives_the_same_furniture_every_time():
    again = sample_furniture(7)
    assert again == SAMPLES[7]
    assert hash(again) == hash(SAMPLES[7])


def test_a_seed_that_the_shipped_networks_have_learnt_from_keeps_its_furniture():
    lamp = SAMPLES[7]
    assert (lamp.kind, lamp.style, lamp.body, lamp.fabric_colour, lamp.fabric, lamp.pattern, lamp.metal) == (
        "lamp",
        "rustic",
        "oak",
        "cream",
        "velvet",
        "plain",
        "black metal",
    )
    assert lamp.body_rgb == pytest.approx((193.264, 146.116, 99.494), abs=0.01)
    assert lamp.fabric_rgb == pytest.approx((202.061, 196.289, 187.635), abs=0.01)
    assert lamp.texture_offset == pytest.approx((0.198866, 0.704856), abs=1e-5)
    assert lamp.texture_scale == pytest.approx(1.144679, abs=1e-5)
    assert lamp.shape_genes[:3] == pytest.approx((0.492112, 0.491573, 0.620597), abs=1e-5)


def test_neighbouring_seeds_have_nothing_to_do_with_each_other():
    assert len(set(SAMPLES)) == len(SAMPLES)
    same_kind = sum(first.kind == second.kind for first, second in pairwise(SAMPLES))
    assert same_kind < len(SAMPLES) / 4


def test_every_word_of_the_palette_occurs_and_no_other():
    assert {sample.kind for sample in SAMPLES} == set(KINDS)
    assert {sample.style for sample in SAMPLES} == set(STYLES)
    assert {sample.fabric for sample in SAMPLES} == set(FABRICS)
    assert {sample.fabric_colour for sample in SAMPLES} == set(FABRIC_COLOURS)
    assert {sample.pattern for sample in SAMPLES} == set(PATTERNS)
    assert {sample.metal for sample in SAMPLES} == set(METALS)
    assert {sample.body for sample in SAMPLES if sample.body_type == "wood"} == set(WOODS)
    assert {sample.body for sample in SAMPLES if sample.body_type == "painted"} == set(PAINTS)


def test_a_colour_stays_close_to_the_one_it_is_called_by():
    for sample in SAMPLES:
        named = (WOODS if sample.body_type == "wood" else PAINTS)[sample.body]
        assert all(abs(got - wanted) < 50 for got, wanted in zip(sample.body_rgb, named, strict=True))
        assert all(0 <= channel <= 255 for channel in sample.body_rgb + sample.fabric_rgb)


def test_shape_genes_are_shares():
    for sample in SAMPLES:
        assert len(sample.shape_genes) == GENE_COUNT
        assert all(0 <= gene < 1 for gene in sample.shape_genes)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="non-negative"):
        sample_furniture(-1)
