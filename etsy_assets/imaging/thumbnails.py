"""Small pictures inside markdown: what the Dagster UI shows in a run's or an asset's metadata.

Dagster renders `![](data:image/jpeg;base64,...)`, also inside tables, but neither raw <img> nor a width, so a thumbnail
has its final size; and a metadata value should stay below about 200 kB.
"""

import base64
import html
import io
from collections.abc import Sequence

from PIL import Image

from etsy_assets.imaging.colour import WHITE
from etsy_assets.imaging.validation import ImageLimits, decode_image

MAX_THUMBNAIL_CHARACTERS = 6_000
MAX_SHEET_CHARACTERS = 200_000

_LIMITS = ImageLimits(min_side=1, stub_bytes=0)


def thumbnail_data_uri(picture: bytes | Image.Image, side: int = 112) -> str:
    """A picture, whole, centred on a white square of `side` pixels, as a JPEG data URI of at most 6,000 characters.

    Raises InvalidImage for bytes that are no picture.
    """
    image = decode_image(picture, _LIMITS).image if isinstance(picture, bytes) else picture.convert("RGB")
    image = image.copy()
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    square = Image.new("RGB", (side, side), WHITE)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    uri = ""
    for quality in (85, 75, 60, 45, 30, 15, 5):
        stream = io.BytesIO()
        square.save(stream, "JPEG", quality=quality, optimize=True)
        uri = "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
        if len(uri) <= MAX_THUMBNAIL_CHARACTERS:
            break
    return uri


def markdown_contact_sheet(pictures: Sequence[tuple[str, str]], columns: int = 5) -> str:
    """A markdown table of (data URI, caption) cells, row by row, at most 200,000 characters long.

    Pictures that do not fit are left out from the end, and a last line says how many.
    """
    if not pictures:
        return "No pictures."
    columns = min(columns, len(pictures))
    rows = ["|" + "   |" * columns, "|" + " --- |" * columns]
    budget = MAX_SHEET_CHARACTERS - 100 - sum(map(len, rows))  # 100: the last line.
    shown = 0
    for start in range(0, len(pictures), columns):
        in_row = pictures[start : start + columns]
        # Captions have a row of their own: a line break inside a cell would take HTML.
        both = [
            _row([f"![]({uri})" for uri, _ in in_row], columns),
            _row([_escaped(text) for _, text in in_row], columns),
        ]
        budget -= sum(map(len, both)) + len(both)
        if budget < 0:
            break
        rows += both
        shown += len(in_row)
    left_out = len(pictures) - shown
    return "\n".join([*rows, *(["", f"and {left_out} more."] if left_out else [])])


def _row(cells: list[str], columns: int) -> str:
    return "| " + " | ".join(cells + [" "] * (columns - len(cells))) + " |"


def _escaped(caption: str) -> str:
    """A caption that can neither end its table cell nor be read as markdown or HTML."""
    text = html.escape(" ".join(caption.split()), quote=False)
    return "".join(f"\\{character}" if character in "\\|[]*_`~!" else character for character in text)
