"""Any picture that Pillow opens, as plain 8-bit sRGB on white."""

import io
import logging

import numpy as np
from PIL import Image, ImageCms

WHITE = (255, 255, 255)
ORIENTATION_TAG = 0x0112

# EXIF 2.32, tag 0x0112: what undoes each orientation. 1 is upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# From here on width and height change places.
FIRST_ON_ITS_SIDE = 5
_ALPHA_MODES = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})
_WIDE_GREY_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})

logger = logging.getLogger(__name__)


def orientation(image: Image.Image) -> int:
    """The EXIF (or XMP) orientation, 1 to 8; 1 when there is none or it can't be read.

    Unreadable EXIF is no reason to refuse a picture whose pixels are fine.
    """
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception as error:  # Pillow raises half a dozen types on bad EXIF, struct.error and SyntaxError among them.
        logger.debug("unreadable EXIF: %s", error)
        return 1
    return value if isinstance(value, int) and value in _UPRIGHT else 1


def upright(image: Image.Image, exif_orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[exif_orientation]) if exif_orientation in _UPRIGHT else image


def foreign_profile(image: Image.Image) -> bytes | None:
    """The embedded ICC profile, when it is another than sRGB."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile:
        return None
    # Every sRGB profile in use names itself (ASCII in ICC v2, UTF-16 in v4): cheaper than having lcms parse it.
    return None if b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile else profile


def to_srgb(image: Image.Image) -> Image.Image:
    """A decoded image of any mode as RGB: alpha on white, 16 bits scaled to 8, another ICC profile made sRGB."""
    profile = foreign_profile(image)
    if image.mode in _WIDE_GREY_MODES:
        image = _eight_bit(image)
    elif image.mode in _ALPHA_MODES or "transparency" in image.info:
        image = on_white(image)
    elif image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if profile is not None:
        image = _apply_profile(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def on_white(image: Image.Image) -> Image.Image:
    """A picture with transparency, composited on white, as RGB."""
    layered = image if image.mode == "RGBA" else image.convert("RGBA")
    flat = Image.new("RGB", layered.size, WHITE)
    flat.paste(layered, mask=layered.getchannel("A"))
    return flat


def _eight_bit(image: Image.Image) -> Image.Image:
    # convert("L") clips everything over 255 to white instead of scaling.
    wide = np.asarray(image)
    if wide.dtype.itemsize > 2:
        wide = wide.clip(0, 65535)
    return Image.fromarray((wide >> 8).astype(np.uint8))


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        converted = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        # A broken profile, or one of another colour space than the pixels': the pixels are still worth having.
        logger.debug("unusable ICC profile: %s", error)
        return image
    return image if converted is None else converted
