"""What counts as a usable picture, decided by its bytes alone: never by a URL, an extension or a Content-Type."""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from PIL import Image, ImageFile

from etsy_assets.imaging.colour import FIRST_ON_ITS_SIDE, foreign_profile, orientation, to_srgb, upright
from etsy_assets.imaging.jpeg import encode_jpeg
from etsy_assets.imaging.pixel_budget import DECODING

# What Pillow's decoders were seen to raise on mutated bytes; DecompressionBombError is an Exception of its own.
DECODER_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    ArithmeticError,
    LookupError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    BufferError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a picture must keep to.

    min_side: pixels, upright; smaller ones tell an encoder nothing.
    max_pixels: checked before decoding. Etsy's largest form is 3000 px a side, 9 million; a decoded pixel takes up to
        10 bytes while it is converted, in each of 8 download threads.
    max_side: pixels; the most that libjpeg writes (JPEG_MAX_DIMENSION), so that every picture can be stored.
    stub_bytes: Etsy's CDN answers for a removed listing with a placeholder below 1 kB.
    known_stubs: SHA-256 of placeholders that are larger.
    """

    min_side: int = 100
    max_pixels: int = 25_000_000
    max_side: int = 65_500
    stub_bytes: int = 1024
    known_stubs: frozenset[str] = field(default_factory=frozenset)


DEFAULT_LIMITS = ImageLimits()


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture, upright, as 8-bit RGB. width, height: pixels of the whole, of which `image` may be a smaller copy.

    format: "jpeg", "png", "webp" or "gif", by magic bytes.
    plain: the bytes are an upright sRGB JPEG already, so that they can be kept as they came.
    """

    image: Image.Image
    format: str
    width: int
    height: int
    plain: bool


@dataclass(frozen=True, slots=True)
class StorableImage:
    """A picture as it is stored. data: its bytes as they came, or made an upright sRGB JPEG. Rest: as DecodedImage."""

    data: bytes
    format: str
    width: int
    height: int


class InvalidImage(Exception):
    """Bytes that are no usable picture.

    code: empty_body, html_body, not_an_image, truncated, corrupt, too_many_pixels, too_small or placeholder.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def decode_image(data: bytes, limits: ImageLimits = DEFAULT_LIMITS, enough: int | None = None) -> DecodedImage:
    """Decodes a picture whole: its first frame, upright, as RGB. Raises InvalidImage and nothing else.

    enough: pixels of the shorter side that will do. A JPEG is then decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 of
    its size that has them, which takes a fraction of the time and the memory.
    """
    with decoded_image(data, limits, enough) as decoded:
        return decoded


@contextmanager
def decoded_image(
    data: bytes, limits: ImageLimits = DEFAULT_LIMITS, enough: int | None = None
) -> Iterator[DecodedImage]:
    """As decode_image. Until the block ends, the picture's pixels count among those that this process has in hand."""

    def scale(opened: Image.Image, _: bool) -> None:
        # Of the formats taken here only JPEG's decoder scales; the others ignore it.
        if enough is not None:
            opened.draft(None, (enough, enough))

    with _decoding(data, limits, scale) as decoded:
        yield decoded


def storable_image(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> StorableImage:
    """What is stored of a picture that came. Raises InvalidImage as decode_image does, for the same bytes.

    A plain one need only be proved whole, in grey at an eighth of its size: the decoder reads such a JPEG to its last
    byte too, and finds the same faults.
    """

    def scale(opened: Image.Image, plain: bool) -> None:
        # Of fewer bytes the pixels themselves tell a placeholder.
        if plain and len(data) >= limits.stub_bytes:
            opened.draft("L", (1, 1))

    with _decoding(data, limits, scale) as decoded:
        stored = data if decoded.plain else encode_jpeg(decoded.image)
    return StorableImage(stored, decoded.format, decoded.width, decoded.height)


@contextmanager
def _decoding(data: bytes, limits: ImageLimits, scale: Callable[[Image.Image, bool], None]) -> Iterator[DecodedImage]:
    """scale: given the opened picture, and whether it is plain, may have less of it decoded."""
    with ExitStack() as in_hand:
        decoded = _decode(data, limits, scale, in_hand)
        _refuse_stub(data, decoded, limits)
        yield decoded


def _decode(
    data: bytes, limits: ImageLimits, scale: Callable[[Image.Image, bool], None], in_hand: ExitStack
) -> DecodedImage:
    """in_hand: takes the picture's share of the pixel budget."""
    picture_format = sniff_format(data)
    if limits.known_stubs and hashlib.sha256(data).hexdigest() in limits.known_stubs:
        raise InvalidImage("placeholder", f"{len(data)} bytes that are a known placeholder")
    # Any library may set this switch for the whole process, and then a cut-off picture decodes to one with a grey end.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(io.BytesIO(data), formats=[picture_format.upper()]) as opened:
            if opened.width * opened.height > limits.max_pixels or max(opened.size) > limits.max_side:
                size, most = f"{opened.width} x {opened.height}", f"{limits.max_pixels}, {limits.max_side} a side"
                raise InvalidImage("too_many_pixels", f"{size} pixels, at most {most} are allowed")
            whole = opened.size
            plain = picture_format == "jpeg" and opened.mode == "RGB" and orientation(opened) == 1
            plain = plain and not foreign_profile(opened)
            scale(opened, plain)
            in_hand.enter_context(DECODING.take(opened.width * opened.height))
            opened.load()
            # Some formats tell it only now.
            turned = orientation(opened)
            image = upright(to_srgb(opened), turned)
            width, height = whole if turned < FIRST_ON_ITS_SIDE else whole[::-1]
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidImage("too_many_pixels", f"more pixels than Pillow allows; {limits.max_pixels} are") from error
    except DECODER_ERRORS as error:
        code = "truncated" if _is_cut_off(data, picture_format) else "corrupt"
        raise InvalidImage(code, f"{len(data)} bytes of {picture_format} that do not decode") from error
    return DecodedImage(image, picture_format, width, height, plain)


def sniff_format(data: bytes) -> str:
    """The format by magic bytes. Raises InvalidImage when it is none that the CDN serves."""
    if not data:
        raise InvalidImage("empty_body", "no bytes at all")
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    text = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<!doctype html") or b"<html" in text:
        raise InvalidImage("html_body", f"{len(data)} bytes of HTML in place of a picture")
    raise InvalidImage("not_an_image", f"{len(data)} bytes that start with {data[:8].hex()}")


def _refuse_stub(data: bytes, decoded: DecodedImage, limits: ImageLimits) -> None:
    # A size test alone would take honest small thumbnails for placeholders: a small JPEG must be one flat colour too.
    size = f"{decoded.width} x {decoded.height} pixels"
    if len(data) < limits.stub_bytes and (decoded.format != "jpeg" or _is_flat(decoded.image)):
        raise InvalidImage("placeholder", f"{len(data)} bytes of {decoded.format}, {size}")
    if min(decoded.width, decoded.height) < limits.min_side:
        raise InvalidImage("too_small", f"{size}, at least {limits.min_side} a side are needed")


def _is_flat(image: Image.Image) -> bool:
    # 8 levels: what JPEG noise makes of one colour.
    return all(high - low <= 8 for low, high in image.getextrema())  # type: ignore[misc]


def _is_cut_off(data: bytes, picture_format: str) -> bool:
    """Whether the mark that ends a whole file of this format is absent."""
    if picture_format == "jpeg":
        return b"\xff\xd9" not in data[-64:]
    if picture_format == "png":
        return b"IEND" not in data[-64:]
    if picture_format == "gif":
        return not data.rstrip(b"\0").endswith(b"\x3b")
    return len(data) < 8 + int.from_bytes(data[4:8], "little")
