"""Image URLs in every form that was found in public data."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsy_assets.etsy.cdn import CdnUrl, UnknownImageUrl, parse_image_url

USUAL = "https://i.etsystatic.com/21832647/r/il/a29f31/5914373744/il_794xN.5914373744_2ds7.jpg"

tokens = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
hexes = st.text("0123456789abcdef", min_size=6, max_size=6)
ids = st.integers(1, 2**63 - 1)
sizes = st.one_of(
    st.sampled_from(["fullxfull", "origxorig", "75x75", "570xN", "1588xN"]),
    st.builds("{}x{}".format, st.integers(1, 4000), st.integers(1, 4000)),
    st.builds("{}xN".format, st.integers(1, 4000)),
)
bases = st.one_of(
    st.sampled_from(["https://i.etsystatic.com", "https://img.etsystatic.com"]),
    st.builds("http://127.0.0.1:{}".format, st.integers(1, 65535)),
)
treatments = st.one_of(
    st.sampled_from(["", "r", "d"]), st.builds("c/{}/{}/{}/{}".format, *[st.integers(0, 3000) for _ in range(4)])
)
cdn_urls = st.builds(
    CdnUrl,
    base=bases,
    shop_id=st.one_of(st.none(), ids),
    treatment=treatments,
    kind=st.sampled_from(["il", "iap", "iusa"]),
    hex=hexes,
    image_id=ids,
    size=sizes,
    suffix=st.one_of(st.none(), tokens),
    extension=st.sampled_from(["jpg", "png", "webp"]),
    query=st.sampled_from(["", "version=0", "version=12&x=y"]),
)


@settings(max_examples=60, deadline=None)
@given(cdn_urls)
def test_the_parts_of_a_url_make_the_url_and_the_url_gives_the_parts_back(parts: CdnUrl):
    assert parse_image_url(str(parts)) == parts


@settings(max_examples=60, deadline=None)
@given(cdn_urls, sizes)
def test_another_size_changes_the_size_and_nothing_else(parts: CdnUrl, size: str):
    resized = parse_image_url(parts.at_size(size))
    assert resized.size == size
    assert resized.at_size(parts.size) == str(parts)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_either_parsed_or_refused(text: str):
    try:
        assert str(parse_image_url(text))
    except UnknownImageUrl as refusal:
        assert repr(text) in str(refusal)


@pytest.mark.parametrize(
    ("url", "shop_id", "kind", "hex_code", "image_id", "size", "suffix"),
    [
        (USUAL, 21832647, "il", "a29f31", 5914373744, "794xN", "2ds7"),
        (
            "https://i.etsystatic.com/21832647/c/1321/1049/0/474/il/a29f31/5914373744/il_75x75.5914373744_2ds7.jpg",
            21832647, "il", "a29f31", 5914373744, "75x75", "2ds7",
        ),
        (
            "https://i.etsystatic.com/16754592/d/il/63cb4f/1945247446/il_75x75.1945247446_kh4u.jpg?version=0",
            16754592, "il", "63cb4f", 1945247446, "75x75", "kh4u",
        ),
        (
            "https://i.etsystatic.com/il/97a3f4/6483108510/il_fullxfull.6483108510_nxr1.jpg",
            None, "il", "97a3f4", 6483108510, "fullxfull", "nxr1",
        ),
        (
            "https://img.etsystatic.com/il/566636/1465073967/il_fullxfull.1465073967_l1f2.jpg?version=0",
            None, "il", "566636", 1465073967, "fullxfull", "l1f2",
        ),
        (
            "https://img0.etsystatic.com/204/0/116068862/iusa_fullxfull.52864766_sco2.jpg",
            None, "iusa", None, 52864766, "fullxfull", "sco2",
        ),
        (
            "https://i.etsystatic.com/5331662/r/il/663d10/250251863/il_794xN.250251863.jpg",
            5331662, "il", "663d10", 250251863, "794xN", None,
        ),
        (
            "https://i.etsystatic.com/iap/dc1fdc/4291261405/iap_640x640.4291261405_5p9t9mcu.jpg?version=0",
            None, "iap", "dc1fdc", 4291261405, "640x640", "5p9t9mcu",
        ),
        (
            "http://127.0.0.1:8765/1007/r/il/0f3ab2/42/il_570xN.42_a1b2.jpg",
            1007, "il", "0f3ab2", 42, "570xN", "a1b2",
        ),
    ],
)  # fmt: skip
def test_every_known_form_is_read(url, shop_id, kind, hex_code, image_id, size, suffix):
    parts = parse_image_url(url)
    assert (parts.shop_id, parts.kind, parts.hex) == (shop_id, kind, hex_code)
    assert (parts.image_id, parts.size, parts.suffix) == (image_id, size, suffix)
    assert str(parts) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://i.etsystatic.com/21832647/r/il/a29f31/5914373744/il_794xN.1_2ds7.jpg",
        "https://i.etsystatic.com/21832647/r/il/a29f31/5914373744/iap_794xN.5914373744_2ds7.jpg",
        "https://i.etsystatic.com/21832647/r/il/a29f31/5914373744/",
        "https://i.etsystatic.com/some/where/else/il/a29f31/59/il_794xN.59_2ds7.jpg",
        f"https://i.etsystatic.com/il/a29f31/{2**63}/il_794xN.{2**63}_2ds7.jpg",
        "ftp://i.etsystatic.com/il/a29f31/59/il_794xN.59_2ds7.jpg",
        "/il/a29f31/59/il_794xN.59_2ds7.jpg",
        "http://[::1/il/a29f31/59/il_794xN.59_2ds7.jpg",
        "https://cdn.shopify.com/s/files/1/chair.jpg?v=3",
        "",
    ],
)
def test_a_url_of_no_known_form_or_of_two_images_is_refused(url: str):
    with pytest.raises(UnknownImageUrl):
        parse_image_url(url)


@pytest.mark.parametrize("size", ["", "large", "570", "570xN/../..", "x"])
def test_what_is_no_size_is_refused(size: str):
    with pytest.raises(ValueError, match="794xN or fullxfull"):
        parse_image_url(USUAL).at_size(size)
