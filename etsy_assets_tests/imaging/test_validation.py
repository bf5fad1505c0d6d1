import hashlib
import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from etsy_assets.imaging.validation import (
    DecodedImage,
    ImageLimits,
    InvalidImage,
    StorableImage,
    decode_image,
    storable_image,
)
from etsy_assets_tests.imaging.pictures import encoded, icc_profile_with_red_and_green_swapped, jpeg, photo

SAMPLES = {
    "jpeg": jpeg(),
    "progressive": jpeg(progressive=True),
    "png": encoded(photo(), "PNG"),
    "webp": encoded(photo(), "WEBP"),
    "gif": encoded(photo(), "GIF"),
}


def why_invalid(data: bytes, limits: ImageLimits | None = None) -> str:
    with pytest.raises(InvalidImage) as caught:
        decode_image(data, limits or ImageLimits())
    return caught.value.code


def png_header_only(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    no_pixels = struct.pack(">I", 1000) + b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + no_pixels


@pytest.mark.parametrize("picture_format", ["jpeg", "png", "webp", "gif"])
def test_the_format_comes_from_the_bytes(picture_format):
    decoded = decode_image(SAMPLES[picture_format])
    assert (decoded.format, decoded.width, decoded.height, decoded.image.mode) == (picture_format, 160, 120, "RGB")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_body"),
        (b"\xef\xbb\xbf\n <!DOCTYPE HTML><html>Sorry</html>", "html_body"),
        (b"<?xml version='1.0'?><html></html>", "html_body"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "not_an_image"),
        (encoded(photo(), "BMP"), "not_an_image"),
        (b"\xff\xd8\xff" + b"rubbish" * 40 + b"\xff\xd9", "corrupt"),
        (jpeg(width=99, height=300), "too_small"),
        (encoded(photo(width=1, height=20_000), "PNG"), "too_small"),
    ],
)
def test_what_is_no_usable_picture_is_refused_with_its_reason(data, code):
    assert why_invalid(data) == code


@pytest.mark.parametrize("name", SAMPLES)
def test_a_picture_cut_off_anywhere_is_refused_as_truncated(name):
    data = SAMPLES[name]
    whole = np.asarray(decode_image(data).image)
    for length in range(16, len(data) - 12, max(1, len(data) // 60)):
        try:
            decoded = decode_image(data[:length])
        except InvalidImage as error:
            assert error.code == "truncated"
        else:  # Only marks that follow the last pixel were lost.
            assert np.array_equal(np.asarray(decoded.image), whole)
            assert length > 0.9 * len(data)


def test_a_cut_off_picture_is_refused_even_if_another_library_told_pillow_to_be_lenient(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert why_invalid(jpeg()[:-500]) == "truncated"


def test_the_pixel_cap_is_checked_before_decoding():
    assert why_invalid(png_header_only(6000, 6000)) == "too_many_pixels"
    assert why_invalid(png_header_only(100_000, 100_000)) == "too_many_pixels"
    assert why_invalid(png_header_only(66_000, 120)) == "too_many_pixels"
    assert why_invalid(jpeg(), ImageLimits(max_pixels=160 * 120 - 1)) == "too_many_pixels"
    assert decode_image(jpeg(), ImageLimits(max_pixels=160 * 120)).width == 160


def test_a_placeholder_is_told_from_a_small_photo():
    assert why_invalid(encoded(Image.new("RGB", (170, 135), "grey"), "PNG")) == "placeholder"
    assert why_invalid(encoded(Image.new("L", (1, 1)), "GIF")) == "placeholder"
    assert why_invalid(encoded(Image.new("RGB", (120, 120), "white"), "JPEG", quality=20)) == "placeholder"
    thumbnail = encoded(photo(width=75, height=75), "JPEG", quality=5)
    assert len(thumbnail) < 1024
    assert why_invalid(thumbnail) == "too_small"


def test_a_known_placeholder_of_any_size_is_refused():
    data = jpeg()
    stubs = ImageLimits(known_stubs=frozenset({hashlib.sha256(data).hexdigest()}))
    assert why_invalid(data, stubs) == "placeholder"
    assert decode_image(jpeg(1), stubs).format == "jpeg"


@pytest.mark.parametrize("value", range(1, 9))
def test_exif_orientation_is_applied_before_the_size_is_judged(value):
    exif = Image.Exif()
    exif[0x0112] = value
    data = jpeg(width=180, height=110, exif=exif)
    decoded = decode_image(data)
    with Image.open(io.BytesIO(data)) as opened:
        expected = ImageOps.exif_transpose(opened)
    assert np.array_equal(np.asarray(decoded.image), np.asarray(expected))
    assert (decoded.width, decoded.height) == expected.size
    assert decoded.plain == (value == 1)


def test_broken_exif_does_not_cost_a_good_picture():
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40
    assert decode_image(jpeg(exif=exif)).plain


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("CMYK", (120, 120), (0, 255, 255, 0)), (255, 0, 0)),
        (Image.new("L", (120, 120), 77), (77, 77, 77)),
        (Image.new("1", (120, 120), 1), (255, 255, 255)),
        (Image.new("LA", (120, 120), (0, 0)), (255, 255, 255)),
        (Image.new("LA", (120, 120), (0, 51)), (204, 204, 204)),
        (Image.new("RGBA", (120, 120), (0, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (120, 120), (255, 0, 0, 51)), (255, 204, 204)),
        (Image.new("RGB", (120, 120), (200, 100, 50)).quantize(4), (200, 100, 50)),
        (Image.fromarray(np.full((120, 120), 0x80FF, np.uint16)), (128, 128, 128)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_every_mode_becomes_rgb_on_white(image, expected):
    data = encoded(image, "JPEG" if image.mode == "CMYK" else "PNG")
    decoded = decode_image(data, ImageLimits(stub_bytes=0))
    assert decoded.image.mode == "RGB"
    assert np.abs(np.asarray(decoded.image).astype(int) - expected).max() <= 2
    assert not decoded.plain


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_transparent_colour_of_a_png_without_alpha_becomes_white(mode):
    image = Image.new("RGB", (120, 120), (10, 20, 30))
    image = image.quantize(2) if mode == "P" else image.convert(mode)
    transparent = image.getpixel((0, 0))
    data = encoded(image, "PNG", transparency=transparent)
    assert decode_image(data, ImageLimits(stub_bytes=0)).image.getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize("picture_format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_kept(picture_format):
    frames = [photo(seed) for seed in range(3)]
    data = encoded(frames[0], picture_format, save_all=True, append_images=frames[1:], duration=40)
    decoded = np.asarray(decode_image(data).image).astype(int)
    distances = [np.abs(decoded - np.asarray(frame).astype(int)).mean() for frame in frames]
    assert distances[0] < 12 < min(distances[1:])


def test_a_foreign_colour_profile_is_converted_to_srgb():
    data = encoded(
        Image.new("RGB", (120, 120), (255, 0, 0)), "PNG", icc_profile=icc_profile_with_red_and_green_swapped()
    )
    decoded = decode_image(data, ImageLimits(stub_bytes=0))
    red, green, blue = decoded.image.getpixel((60, 60))
    assert green > 250 and red < 40 and blue < 40


def test_a_broken_colour_profile_does_not_cost_a_good_picture():
    decoded = decode_image(jpeg(icc_profile=b"not a profile" * 20))
    assert np.array_equal(np.asarray(decoded.image), np.asarray(decode_image(jpeg()).image))


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"]),
)
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_raise_nothing_but_invalid_image(data, magic):
    with pytest.raises(InvalidImage):
        decode_image(magic + data)


@given(st.sampled_from(sorted(SAMPLES)), st.data())
@settings(max_examples=400, deadline=None)
def test_mutated_pictures_decode_or_are_invalid(name, data):
    mutated = bytearray(SAMPLES[name])
    near = data.draw(st.sampled_from([64, 700, len(mutated)]))
    changes = st.tuples(st.integers(0, min(near, len(mutated)) - 1), st.integers(0, 255))
    for position, value in data.draw(st.lists(changes, min_size=1, max_size=12)):
        mutated[position] = value
    cut = data.draw(st.integers(0, len(mutated)) | st.just(len(mutated)))
    try:
        decoded = decode_image(bytes(mutated[:cut]))
    except InvalidImage:
        return
    assert decoded.image.mode == "RGB" and decoded.image.size == (decoded.width, decoded.height)


def verdict(check: Callable[[bytes], DecodedImage | StorableImage], data: bytes) -> tuple[str, tuple[int, int]]:
    try:
        found = check(data)
    except InvalidImage as error:
        return error.code, (0, 0)
    kept = found.plain if isinstance(found, DecodedImage) else found.data == data
    return "kept" if kept else "rewritten", (found.width, found.height)


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0, "quality": 95}, {"restart_marker_rows": 4}]
)
def test_checking_a_jpeg_finds_what_decoding_it_in_full_finds(options):
    whole = encoded(photo(width=640, height=480), "JPEG", **options)
    random = np.random.default_rng(5)
    damaged = [whole[: int(cut)] for cut in np.linspace(len(whole) - 1, 2500, 40)]
    for place in random.integers(0, len(whole), 160):
        damaged.append(whole[:place] + bytes([whole[place] ^ 1 << int(random.integers(8))]) + whole[place + 1 :])
    verdicts = [(verdict(storable_image, data), verdict(decode_image, data)) for data in (whole, *damaged)]
    assert [stored for stored, _ in verdicts] == [decoded for _, decoded in verdicts]
    assert verdicts[0][0] == ("kept", (640, 480))
    assert {code for (code, _), _ in verdicts} >= {"kept", "truncated"}


def test_what_must_be_rewritten_is_decoded_in_full():
    turned = Image.Exif()
    turned[0x0112] = 6
    for data in (
        encoded(photo(width=640, height=480), "JPEG", exif=turned),
        encoded(photo(width=480, height=640), "PNG"),
    ):
        stored = storable_image(data)
        assert (stored.width, stored.height) == (480, 640)
        again = decode_image(stored.data)
        assert again.plain and again.image.size == (480, 640)
