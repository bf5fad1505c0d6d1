"""The fault plan by itself: what it decides, that a seed decides it, and how images and answers are spoiled."""

import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from etsy_assets.demo.api.spoiled_answers import spoil_images, spoil_listing
from etsy_assets.demo.api.spoiled_images import broken, reshaped
from etsy_assets.demo.api.troubles import Troubles
from etsy_assets.demo.faults import LASTING_IMAGE_FAULTS, LISTING_FAULTS, ODD_FORMATS, PASSING_FAULTS, FaultPlan
from etsy_assets.demo.shop import SimulatedShop


@pytest.fixture(scope="module")
def jpeg(shop: SimulatedShop) -> bytes:
    return shop.jpeg(shop.listings()[0].photos[1].image_id)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"), dtype=float)


def test_nothing_goes_wrong_when_faults_are_off(shop: SimulatedShop) -> None:
    plan = FaultPlan.off()
    assert plan.lasting_image_faults(shop) == plan.lasting_listing_faults(shop) == plan.odd_formats(shop) == {}
    assert plan.obtainable_images(shop) == {p.image_id for s in shop.listings() for p in s.photos}
    assert all(plan.passing_faults("cdn", f"/{n}", 0) == () for n in range(200))


def test_the_hostile_plan_has_every_fault_on_the_default_shop(shop: SimulatedShop) -> None:
    plan = FaultPlan.hostile()
    assert set(plan.lasting_image_faults(shop).values()) == set(LASTING_IMAGE_FAULTS)
    assert set(plan.odd_formats(shop).values()) == set(ODD_FORMATS)
    assert set(plan.lasting_listing_faults(shop).values()) == set(LISTING_FAULTS)
    for scope, kinds in PASSING_FAULTS.items():
        assert {f for n in range(300) for f in plan.passing_faults(scope, f"/{n}", 0)} == set(kinds)


def test_the_mild_plan_loses_no_listing_and_few_images(shop: SimulatedShop) -> None:
    plan = FaultPlan.mild()
    all_images = {p.image_id for s in shop.listings() for p in s.photos}
    assert plan.obtainable_images(shop) == all_images - set(plan.lasting_image_faults(shop))
    assert 0 < len(plan.lasting_image_faults(shop)) < 0.1 * len(all_images)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_a_plan_is_the_same_for_the_same_seed(shop: SimulatedShop, seed: int) -> None:
    first, second = FaultPlan.hostile(seed), FaultPlan.hostile(seed)
    assert first.lasting_image_faults(shop) == second.lasting_image_faults(shop)
    assert first.lasting_listing_faults(shop) == second.lasting_listing_faults(shop)
    assert first.passing_faults("api", "/x", 3) == second.passing_faults("api", "/x", 3)
    assert not set(first.lasting_image_faults(shop)) & set(first.odd_formats(shop))


def test_another_seed_hits_other_images(shop: SimulatedShop) -> None:
    assert FaultPlan.hostile(1).lasting_image_faults(shop) != FaultPlan.hostile(2).lasting_image_faults(shop)


def test_listings_added_later_change_nothing_for_those_before() -> None:
    shop, plan = SimulatedShop(listings=10), FaultPlan.hostile()
    before = plan.lasting_image_faults(shop)
    shop.add_listings(15)
    after = plan.lasting_image_faults(shop)
    assert before.items() < after.items()


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), url=st.text(max_size=20))
def test_after_at_most_two_bad_answers_a_url_answers_well(seed: int, url: str) -> None:
    plan = FaultPlan.hostile(seed)
    troubles = Troubles(plan)
    for _ in range(5):
        bad = []
        while (fault := troubles.next("cdn", url)) is not None:
            bad.append(fault)
        assert len(bad) <= plan.most_in_a_row


def test_passing_faults_do_not_depend_on_the_order_of_requests() -> None:
    urls = [f"/image/{n}" for n in range(60)]
    plan = FaultPlan.hostile()
    forward, backward = Troubles(plan), Troubles(plan)
    met_forward = {url: forward.next("cdn", url) for url in urls}
    met_backward = {url: backward.next("cdn", url) for url in reversed(urls)}
    assert met_forward == met_backward
    assert 2 < sum(fault is not None for fault in met_forward.values()) < 25


def test_an_unknown_level_is_no_plan() -> None:
    assert FaultPlan.named("mild", 3) == FaultPlan.mild(3)
    with pytest.raises(KeyError):
        FaultPlan.named("lethal")


@pytest.mark.parametrize("form", ODD_FORMATS)
def test_a_picture_in_an_odd_form_still_shows_the_same(jpeg: bytes, form: str) -> None:
    answer = reshaped(form, jpeg)
    assert answer.body == reshaped(form, jpeg).body
    opened = Image.open(io.BytesIO(answer.body))
    original = pixels(jpeg)
    if form == "gray16_png":
        assert opened.mode.startswith("I;16")
        shown = np.asarray(opened, dtype=float) / 257
        original = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), dtype=float)
    else:
        shown = pixels(answer.body)
    assert shown.shape == original.shape
    assert np.abs(shown - original)[8:-8, 8:-8].mean() < 8


def test_odd_forms_are_what_they_are_called(jpeg: bytes) -> None:
    seen = {form: Image.open(io.BytesIO(reshaped(form, jpeg).body)) for form in ODD_FORMATS}
    assert (seen["cmyk_jpeg"].format, seen["cmyk_jpeg"].mode) == ("JPEG", "CMYK")
    assert (seen["palette_png"].format, seen["palette_png"].mode) == ("PNG", "P")
    assert (seen["alpha_png"].format, seen["alpha_png"].mode) == ("PNG", "RGBA")
    assert seen["webp"].format == "WEBP"
    assert seen["rotated_jpeg"].size == Image.open(io.BytesIO(jpeg)).size[::-1]


@pytest.mark.parametrize("fault", LASTING_IMAGE_FAULTS)
def test_a_broken_image_is_broken_in_the_way_it_is_called(jpeg: bytes, fault: str) -> None:
    answer = broken(fault, jpeg)
    match fault:
        case "not_found":
            assert answer.status == 404
        case "placeholder_png":
            assert answer.status == 200
            assert len(answer.body) < 1_000
            assert Image.open(io.BytesIO(answer.body)).format == "PNG"
        case "truncated_jpeg":
            assert jpeg.startswith(answer.body)
            with pytest.raises(OSError, match="truncated"):
                Image.open(io.BytesIO(answer.body)).load()
        case "html_page":
            assert (answer.status, answer.content_type.split(";")[0]) == (200, "text/html")
        case "tiny_image":
            assert Image.open(io.BytesIO(answer.body)).size == (50, 50)


def test_escaped_text_escapes_titles_and_leaves_tags() -> None:
    body = {"title": 'Mother\'s "Best" & More', "description": "It's", "tags": ["mother's day"]}
    spoiled = spoil_listing("escaped_text", body)
    assert spoiled["title"] == "Mother&#39;s &quot;Best&quot; &amp; More"
    assert spoiled["tags"] == ["mother's day"]
    assert body["description"] == "It's"


@pytest.mark.parametrize("fault", ["ranks_shuffled", "ranks_duplicate", "ranks_null", "image_metadata_null"])
def test_troubled_ranks_lose_no_image(fault: str) -> None:
    images = [{"listing_image_id": n, "rank": n + 1, "full_width": 9} for n in range(4)]
    spoiled = spoil_images(fault, images)
    assert sorted(image["listing_image_id"] for image in spoiled) == [0, 1, 2, 3]
    assert spoiled != images


def test_duplicate_ranks_share_the_first_place() -> None:
    ranks = [image["rank"] for image in spoil_images("ranks_duplicate", [{"rank": n} for n in (1, 2, 3)])]
    assert Counter(ranks) == {1: 2, 2: 1}
