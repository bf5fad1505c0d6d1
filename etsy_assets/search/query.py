"""What is searched for: an image, a listing of the corpus, or a text; checked before any model runs."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import requests
from PIL import Image

from etsy_assets.errors import BadQuery
from etsy_assets.imaging.validation import InvalidImage, decode_image

MAX_QUERY_BYTES = 32 << 20
"""Of a query image's file. Etsy's largest images have about 5 MB."""

MAX_TEXT_CHARACTERS = 500
"""CLIP reads 77 tokens, about 300 characters, and cuts the rest off without a word."""

_TIMEOUT_SECONDS = (10.0, 30.0)
_ACCEPTED = "give a JPEG, PNG, WebP or GIF of at least 100 x 100 pixels"


class QueryKind(StrEnum):
    """What a query is made of."""

    image = "image"
    listing = "listing"
    text = "text"


@dataclass(frozen=True, slots=True)
class Query:
    """One search. `label` is what the person gave, fit for a log: a path, a URL without its secrets, an id or the text.

    image: RGB, of an image query. cutout: the image with its background removed, and cutout_fallback the reason why it
    is the whole image instead; both are set when the query is embedded. listing_id, text: of the other two kinds.
    """

    kind: QueryKind
    label: str
    image: Image.Image | None = None
    cutout: Image.Image | None = None
    cutout_fallback: str | None = None
    listing_id: int | None = None
    text: str | None = None


def load_query(
    image_path: Path | str | None = None,
    image_url: str | None = None,
    listing_id: int | None = None,
    text: str | None = None,
) -> Query:
    """The query that exactly one of the arguments describes; None and an empty string count as not given.

    Raises BadQuery, one sentence that says what is wrong and what is accepted.
    """
    given = {
        "image_path": image_path not in (None, ""),
        "image_url": bool(image_url),
        "listing_id": listing_id is not None,
        "text": bool(text),
    }
    if sum(given.values()) != 1:
        named = ", ".join(name for name, there in given.items() if there) or "none"
        raise BadQuery(f"Give exactly one of image_path, image_url, listing_id and text; given: {named}.")
    if image_path:
        path = Path(image_path)
        return Query(QueryKind.image, str(path), image=_decode(_read(path), str(path)))
    if image_url:
        label = without_secrets(image_url)
        return Query(QueryKind.image, label, image=_decode(_download(image_url, label), label))
    if listing_id is not None:
        if listing_id < 1:
            raise BadQuery(f"{listing_id} is no listing id: give a positive number.")
        return Query(QueryKind.listing, f"listing {listing_id}", listing_id=listing_id)
    return _text_query(text or "")


def without_secrets(url: str) -> str:
    """The URL without user, password, query and fragment, which may hold keys."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the URL"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _text_query(text: str) -> Query:
    words = " ".join(text.split())
    if not words:
        raise BadQuery(
            "The text is blank: describe the furniture in a few words, such as 'oak chair with a green seat'."
        )
    if len(words) > MAX_TEXT_CHARACTERS:
        raise BadQuery(f"The text has {len(words)} characters: give at most {MAX_TEXT_CHARACTERS}.")
    return Query(QueryKind.text, words, text=words)


def _read(path: Path) -> bytes:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise BadQuery(f"The query image {path} {what}: give the path of an image file.")
    if path.stat().st_size > MAX_QUERY_BYTES:
        raise BadQuery(f"The query image {path} is larger than {MAX_QUERY_BYTES >> 20} MB: {_ACCEPTED}.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadQuery(f"The query image {path} can't be read ({error.strerror}): give a file that can.") from error


def _download(url: str, label: str) -> bytes:
    if not url.lower().startswith(("http://", "https://")):
        raise BadQuery(f"{label!r} is no web address: give an image_url that starts with http:// or https://.")
    try:
        with requests.get(url, stream=True, timeout=_TIMEOUT_SECONDS) as response:
            if response.status_code != 200:
                raise BadQuery(f"{label} answers with status {response.status_code}: give the URL of an image.")
            body = bytearray()
            for chunk in response.iter_content(1 << 16):
                body += chunk
                if len(body) > MAX_QUERY_BYTES:
                    raise BadQuery(
                        f"{label} is larger than {MAX_QUERY_BYTES >> 20} MB: give the URL of a smaller image."
                    )
            return bytes(body)
    except (requests.RequestException, ValueError) as error:
        # requests' own messages repeat the URL with its query string, and UnicodeError is among what odd hosts raise.
        if isinstance(error, BadQuery):
            raise
        raise BadQuery(f"{label} does not answer ({type(error).__name__}): give the URL of an image.") from None


def _decode(data: bytes, label: str) -> Image.Image:
    try:
        return decode_image(data).image
    except InvalidImage as error:
        raise BadQuery(f"{label} is no image to search with ({error.detail}): {_ACCEPTED}.") from error
