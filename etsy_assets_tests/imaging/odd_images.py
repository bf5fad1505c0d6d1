"""200 images as a marketplace has them: good ones of every kind, broken ones, and some that mean harm.

Each says what must become of it. The good ones show a dark box on a light wall, which `mask_network` cuts out.
"""

import gzip
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from etsy_assets_tests.imaging.pictures import dark_box_on_light, encoded, icc_profile_with_red_and_green_swapped

HTML = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>" + b"Nothing here. " * 200 + b"</body></html>"
ROTATED = (5, 6, 7, 8)
"""The EXIF orientations that lay a picture on its side."""


@dataclass(frozen=True)
class OddImage:
    """data: the body that the server sends for it, with these headers.

    fails: the reason why it has no picture; None when it has one, of `size` pixels (width, height).
    uncut: the reason why its cutout is the whole picture. unembedded: the reason why it has no vector.
    box: (left, top, right, bottom), shares of width and height in which the stored picture must be dark; all else is
    light. None: it is not looked at.
    """

    name: str
    data: bytes
    fails: str | None = None
    size: tuple[int, int] | None = None
    uncut: str | None = None
    unembedded: str | None = None
    box: tuple[float, float, float, float] | None = (0.25, 0.25, 0.75, 0.75)
    headers: dict[str, str] = field(default_factory=dict)


def odd_images() -> list[OddImage]:
    makers = (good_ones, other_modes, cut_off, bombs, huge_but_allowed, odd_shapes, no_pictures, damaged)
    return [image for maker in makers for image in maker()]


def picture(number: int, size: tuple[int, int] | None = None) -> Image.Image:
    """The box on the wall, with grain that is another for each number."""
    width, height = size or (180 + 3 * number, 150 + 2 * number)
    grain = np.random.default_rng(number).integers(-9, 10, (height, width, 1))
    return Image.fromarray((np.asarray(dark_box_on_light(width, height)) + grain).clip(0, 255).astype(np.uint8))


def good_ones() -> Iterator[OddImage]:
    """50: JPEGs of every kind, the other formats, all orientations, animations, and names that mislead."""
    for number, options in enumerate(
        [
            *({"quality": quality} for quality in (1, 20, 50, 75, 90, 95, 100)),
            *({"quality": 85, "subsampling": subsampling} for subsampling in (0, 1, 2)),
            {"progressive": True},
            {"progressive": True, "quality": 30},
            {"optimize": True},
            {"restart_marker_rows": 1},
            {"dpi": (0, 65_535)},
            {"comment": b"\xff\xd8\xff" * 500},
            {"icc_profile": b"not a profile" * 20},
            {"exif": b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40},
        ]
    ):
        image = picture(number)
        yield OddImage(f"jpeg {options}"[:60], encoded(image, "JPEG", **options), size=image.size)
    for orientation in range(1, 9):
        image, exif = picture(20 + orientation), Image.Exif()
        exif[0x0112] = orientation
        size = image.size[::-1] if orientation in ROTATED else image.size
        yield OddImage(f"orientation {orientation}", encoded(image, "JPEG", exif=exif), size=size)
    for orientation in (0, 9, 77):
        image, exif = picture(30 + orientation % 10), Image.Exif()
        exif[0x0112] = orientation
        yield OddImage(f"orientation {orientation}, there is none", encoded(image, "JPEG", exif=exif), size=image.size)
    for number, (kind, options) in enumerate(
        [
            ("PNG", {}),
            ("PNG", {"compress_level": 0}),
            ("PNG", {"dpi": (72, 72)}),
            ("WEBP", {"quality": 80}),
            ("WEBP", {"lossless": True}),
            ("GIF", {}),
            ("GIF", {"interlace": 0}),
            ("PNG", {"optimize": True}),
            ("WEBP", {"quality": 40}),
        ]
    ):
        image = picture(40 + number)
        yield OddImage(f"{kind} {options} named .jpg", encoded(image, kind, **options), size=image.size)
    for number, kind in enumerate(["GIF", "WEBP", "PNG"] * 2):
        frames = [picture(50 + number), *(Image.new("RGB", picture(50 + number).size, "black") for _ in range(5))]
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=40)
        yield OddImage(f"animated {kind} {number}", data, size=frames[0].size)
    image = picture(60)
    yield OddImage("rubbish after its end", encoded(image, "JPEG") + b"rubbish" * 300, size=image.size)
    yield OddImage("a page after its end", encoded(image, "JPEG") + HTML, size=image.size)
    yield OddImage("two pictures in one file", mpo(picture(61), picture(62)), size=picture(61).size)
    yield OddImage(
        "Content-Type: text/html", encoded(image, "JPEG"), size=image.size, headers={"Content-Type": "text/html"}
    )
    zipped = gzip.compress(encoded(image, "JPEG"))
    yield OddImage("gzipped on the way", zipped, size=image.size, headers={"Content-Encoding": "gzip"})
    icc = icc_profile_with_red_and_green_swapped()
    yield OddImage("another colour profile", encoded(image, "JPEG", icc_profile=icc), size=image.size)


def mpo(*images: Image.Image) -> bytes:
    return encoded(images[0], "MPO", save_all=True, append_images=images[1:])


def other_modes() -> Iterator[OddImage]:
    """24: everything that is not 8-bit RGB."""
    image = picture(70)
    grey, size = image.convert("L"), image.size
    sixteen = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    yield OddImage("CMYK JPEG", encoded(image.convert("CMYK"), "JPEG"), size=size)
    yield OddImage("CMYK JPEG, progressive", encoded(image.convert("CMYK"), "JPEG", progressive=True), size=size)
    yield OddImage("YCCK JPEG of Adobe", adobe_ycck(image), size=size, box=None)
    yield OddImage("grey JPEG", encoded(grey, "JPEG"), size=size)
    yield OddImage("grey JPEG on its side", encoded(grey, "JPEG", exif=on_its_side()), size=size[::-1])
    yield OddImage("16-bit grey PNG", encoded(sixteen, "PNG"), size=size)
    yield OddImage("16-bit grey PNG, light is transparent", encoded(sixteen, "PNG", transparency=65_535), size=size)
    yield OddImage("16-bit RGB PNG", png_of(np.asarray(image).astype(">u2") * 257, 2), size=size)
    yield OddImage("16-bit RGBA PNG", png_of(np.asarray(cut(image)).astype(">u2") * 257, 6), size=size)
    yield OddImage(
        "16-bit grey and alpha PNG", png_of(np.asarray(cut(image).convert("LA")).astype(">u2") * 257, 4), size=size
    )
    for mode in ("1", "L", "LA", "RGBA", "P"):
        source = cut(image) if mode in ("LA", "RGBA") else image
        changed = source.convert(mode) if mode != "P" else image.quantize(16)
        yield OddImage(f"PNG of mode {mode}", encoded(changed, "PNG"), size=size)
    two_colours = dark_box_on_light(*size).quantize(2)
    for bits, few in ((1, two_colours), (2, image.quantize(4)), (4, image.quantize(16))):
        yield OddImage(f"palette of {bits} bits", encoded(few, "PNG", bits=bits) + bytes(1024), size=size)
    see_through = cut(image).quantize(8)
    yield OddImage("palette with alpha", encoded(see_through, "PNG"), size=size)
    wall = two_colours.getpixel((0, 0))
    yield OddImage(
        "palette with a transparent colour", encoded(two_colours, "PNG", transparency=wall) + bytes(1024), size=size
    )
    yield OddImage(
        "GIF with a transparent colour", encoded(two_colours, "GIF", transparency=wall) + bytes(1024), size=size
    )
    yield OddImage("WebP with alpha", encoded(cut(image), "WEBP", lossless=True), size=size)
    everything = Image.new("RGBA", size, (0, 0, 0, 0))
    everything.putpixel((3, 3), (9, 9, 9, 9))
    big_enough = encoded(everything, "PNG", comment=None) + bytes(1024)
    yield OddImage("all transparent", big_enough, size=size, uncut="flat_mask", box=None)
    yield OddImage("RGB with a transparent colour", encoded(image, "PNG", transparency=(255, 0, 255)), size=size)


def cut(image: Image.Image) -> Image.Image:
    """The box, and nothing where the wall was: what is below the alpha is black, which must not show."""
    width, height = image.size
    layered = Image.new("RGBA", image.size, (0, 0, 0, 0))
    box = (width // 4, height // 4, width * 3 // 4, height * 3 // 4)
    layered.paste(image.crop(box), box)
    return layered


def on_its_side() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def adobe_ycck(image: Image.Image) -> bytes:
    """A CMYK JPEG whose Adobe marker says YCCK, as Photoshop writes them."""
    data = bytearray(encoded(image.convert("CMYK"), "JPEG"))
    marker = data.find(b"Adobe")
    data[marker + 11] = 2
    return bytes(data)


def png_of(samples: np.ndarray, colour_type: int) -> bytes:
    """A PNG of 16-bit samples (height, width, channels), which Pillow can't write."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(samples))
    return png(width, height, 16, colour_type, zlib.compress(rows))


def png(width: int, height: int, bits: int, colour_type: int, pixels: bytes, *more: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def cut_off(steps: int = 12) -> Iterator[OddImage]:
    """56: each format, cut off at many points."""
    sources = {
        "JPEG": encoded(picture(80, (300, 260)), "JPEG", quality=90),
        "progressive JPEG": encoded(picture(81, (300, 260)), "JPEG", progressive=True),
        "PNG": encoded(picture(82, (300, 260)), "PNG"),
        "WebP": encoded(picture(83, (300, 260)), "WEBP"),
        "GIF": encoded(picture(84, (300, 260)), "GIF"),
    }
    for kind, data in sources.items():
        for step in range(1, (steps if kind != "GIF" else 8) + 1):
            end = 20 + (len(data) - 80) * step // steps
            yield OddImage(f"{kind} cut off after {end} of {len(data)}", data[:end], fails="truncated")


def bombs() -> Iterator[OddImage]:
    """16: small files that would fill the memory."""
    for width, height in ((60_000, 60_000), (66_000, 120), (30_000, 30_000), (2**31 - 1, 2**31 - 1)):
        yield OddImage(f"PNG header of {width} x {height}", png(width, height, 8, 2, b""), fails="too_many_pixels")
    black = zlib.compress(bytes(30_000 * (30_000 // 8 + 1)), 9)
    yield OddImage("PNG of 30,000 x 30,000 bits", png(30_000, 30_000, 1, 0, black), fails="too_many_pixels")
    yield OddImage("PNG of 5,001 x 5,000", png(5_001, 5_000, 8, 0, b""), fails="too_many_pixels")
    text = b"comment\0\0" + zlib.compress(bytes(100 << 20))
    small = encoded(picture(90), "PNG")
    idat = small.index(b"IDAT") - 4
    for kind in (b"zTXt", b"iCCP"):
        chunk = struct.pack(">I", len(text)) + kind + text + struct.pack(">I", zlib.crc32(kind + text))
        with_text = small[:33] + chunk + small[33:]
        assert small[33:idat] == b""
        yield OddImage(f"PNG with 100 MB of zeros in {kind.decode()}", with_text, fails="corrupt")
    for side in (65_500, 65_535, 30_000):
        yield OddImage(f"JPEG of {side} a side", jpeg_header(side, side), fails="too_many_pixels")
    yield OddImage("GIF of 65,535 a side", gif(65_535, 65_535), fails="too_many_pixels")
    yield OddImage("WebP of 16,383 a side", webp_header(16_383, 16_383), fails="too_many_pixels")
    gzipped = {"Content-Encoding": "gzip"}
    yield OddImage("256 MB of zeros, gzipped", gzip_of_zeros(256 << 20), fails="body_too_large", headers=gzipped)
    yield OddImage("33 MB of a page", HTML * (33_000_000 // len(HTML) + 400), fails="body_too_large")
    twice = gzip.compress(gzip_of_zeros(64 << 20))
    yield OddImage("gzipped twice", twice, fails="not_an_image", headers=gzipped)


def jpeg_header(width: int, height: int) -> bytes:
    """A JPEG whose frame header claims this size."""
    data = bytearray(encoded(picture(91), "JPEG"))
    frame = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, frame + 5, height, width)
    return bytes(data)


def gif(width: int, height: int) -> bytes:
    data = bytearray(encoded(picture(92), "GIF"))
    struct.pack_into("<HH", data, 6, width, height)
    return bytes(data)


def webp_header(width: int, height: int) -> bytes:
    """A lossless WebP that claims this size (RFC 9649, section 3.4)."""
    data = bytearray(encoded(picture(93), "WEBP", lossless=True))
    struct.pack_into("<I", data, 21, (width - 1) | (height - 1) << 14)
    return bytes(data)


def gzip_of_zeros(count: int) -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6, mtime=0) as file:
        for _ in range(count >> 20):
            file.write(bytes(1 << 20))
    return stream.getvalue()


def huge_but_allowed() -> Iterator[OddImage]:
    """8 of 25 million pixels, the most that is taken, in the modes that cost most to decode; all at once."""
    size = (5_000, 5_000)
    image, two_colours = dark_box_on_light(*size), dark_box_on_light(*size).quantize(2)
    wall = two_colours.getpixel((0, 0))
    grey = np.asarray(image.convert("L"))
    modes = {
        "RGB JPEG": encoded(image, "JPEG", quality=50),
        "CMYK JPEG": encoded(image.convert("CMYK"), "JPEG", quality=50),
        "RGBA PNG": encoded(image.convert("RGBA"), "PNG", compress_level=1),
        "16-bit grey PNG": encoded(Image.fromarray(grey.astype(np.uint16) * 257), "PNG", compress_level=1),
        "palette PNG": encoded(two_colours, "PNG", compress_level=1, transparency=wall),
        "JPEG on its side": encoded(image, "JPEG", quality=50, exif=on_its_side()),
        "JPEG of another profile": encoded(
            image, "JPEG", quality=50, icc_profile=icc_profile_with_red_and_green_swapped()
        ),
        "WebP": encoded(image, "WEBP", quality=50, method=0),
    }
    for name, data in modes.items():
        yield OddImage(f"25 million pixels, {name}", data, size=size)


def odd_shapes() -> Iterator[OddImage]:
    """12: as thin as a line, as small as a dot, or all of one colour."""
    for width, height in ((1, 20_000), (20_000, 1), (99, 2_000), (1, 1), (99, 99)):
        data = encoded(picture(100, (width, height)), "PNG" if width * height > 1 else "JPEG", **{})
        fails = "placeholder" if len(data) < 1024 else "too_small"
        yield OddImage(f"{width} x {height}", data, fails=fails)
    for width, height in ((100, 20_000), (20_000, 100), (1_700, 100)):
        data = encoded(picture(101, (width, height)), "JPEG")
        yield OddImage(f"{width} x {height}", data, size=(width, height), unembedded="extreme_shape")
    yield OddImage("1,600 x 100", encoded(picture(102, (1_600, 100)), "JPEG"), size=(1_600, 100))
    yield OddImage("100 x 100", encoded(picture(103, (100, 100)), "JPEG"), size=(100, 100))
    wall = encoded(Image.new("RGB", (400, 300), (250, 250, 250)), "JPEG") + bytes(1024)
    yield OddImage("nothing but wall", wall, size=(400, 300), uncut="flat_mask", box=None)
    grey_stub = encoded(Image.new("RGB", (170, 135), "grey"), "PNG")
    yield OddImage("a grey stub", grey_stub, fails="placeholder")


def no_pictures() -> Iterator[OddImage]:
    """18: what comes under .jpg and is none."""
    yield OddImage("no bytes", b"", fails="empty_body")
    yield OddImage("no bytes, again", b"", fails="empty_body", headers={"Content-Type": "image/jpeg"})
    yield OddImage("a page", HTML, fails="html_body")
    yield OddImage("a page after a byte order mark", b"\xef\xbb\xbf\n " + HTML, fails="html_body")
    yield OddImage("a page in capitals", HTML.upper(), fails="html_body")
    yield OddImage("a page without a doctype", b"<head></head><html>Sorry</html>", fails="html_body")
    for name, data in {
        "XML": b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>",
        "JSON": b'{"error": "not found"}',
        "text": b"not found",
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg' width='200' height='200'/>",
        "PDF": b"%PDF-1.7\n" + bytes(500),
        "zip": b"PK\x03\x04" + bytes(500),
        "zeros": bytes(5_000),
        "one byte": b"\xff",
        "half of a mark": b"\xff\xd8",
        "AVIF": b"\0\0\0\x20ftypavif" + bytes(500),
        "BMP": encoded(picture(110), "BMP"),
        "TIFF": encoded(picture(111), "TIFF"),
    }.items():
        yield OddImage(name, data, fails="not_an_image")


def damaged() -> Iterator[OddImage]:
    """16: whole files with rubbish in them."""
    for name, magic, end in (
        ("JPEG", b"\xff\xd8\xff", b"\xff\xd9"),
        ("PNG", b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
        ("GIF", b"GIF89a", b"\x3b"),
    ):
        yield OddImage(f"rubbish between the marks of a {name}", magic + b"rubbish" * 400 + end, fails="corrupt")
    size = struct.pack("<I", 4 + 2800)
    yield OddImage("rubbish in a WebP", b"RIFF" + size + b"WEBP" + b"rubbish" * 400, fails="corrupt")
    source = encoded(picture(120, (300, 260)), "PNG")
    for number in range(6):
        data = bytearray(source)
        position = 60 + (len(source) - 120) * number // 6
        data[position : position + 8] = bytes(byte ^ 0x5A for byte in data[position : position + 8])
        yield OddImage(f"PNG with flipped bits at {position}", bytes(data), fails="corrupt")
    no_tables = bytearray(encoded(picture(121), "JPEG"))
    tables = no_tables.index(b"\xff\xc4")
    yield OddImage("JPEG without Huffman tables", bytes(no_tables[:tables]) + b"\xff\xd9", fails="corrupt")
    yield OddImage("JPEG of 0 x 0", jpeg_header(0, 0), fails="corrupt")
    yield OddImage("PNG of 0 x 200", png(0, 200, 8, 2, b""), fails="corrupt")
    yield OddImage("PNG of 17 bits", png(200, 200, 17, 2, zlib.compress(bytes(200 * 601))), fails="corrupt")
    unfiltered = zlib.compress(b"\x09" * (200 * 601) + np.random.default_rng(0).bytes(1024))
    yield OddImage("PNG of unknown filters", png(200, 200, 8, 2, unfiltered), fails="corrupt")
    yield OddImage("GIF without a frame", b"GIF89a\xc8\0\xc8\0\0\0\0;", fails="corrupt")
