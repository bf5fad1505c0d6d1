"""Field types for Etsy's payloads, in whose schemas no field is required: junk in an optional field becomes None.

So a new enum value, an empty-string number or a null never costs the listing that carries it.
"""

import html
import math
import re
import unicodedata
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BeforeValidator

INT64 = 2**63
# Neither SQLite, Postgres nor UTF-8 can hold these: NUL, and halves of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean_text(value: str) -> str:
    """NFC, without NUL and lone surrogates. For tags, whose characters Etsy sends as they are."""
    return unicodedata.normalize("NFC", _UNSTORABLE.sub("", value))


def unescaped_text(value: str) -> str:
    """For titles, descriptions, reviews and shop texts: HTML entities decoded once ("&amp;quot;" is "&quot;")."""
    return clean_text(html.unescape(value))


def without_tracking(url: str) -> str:
    """The URL without its utm_ parameters; "" for what is not http(s), so that no such link can reach a gallery."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https"):
        return ""
    if "utm_" in parts.query:
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not pair[0].startswith("utm_")]
        parts = parts._replace(query=urlencode(query))
    return clean_text(urlunsplit(parts))


def _integer(value: Any) -> int | None:
    number = _number(value)
    if number is None or not float(number).is_integer():
        return None
    return int(number) if -INT64 <= int(number) < INT64 else None


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        try:
            value = int(value) if re.fullmatch(r"\s*-?\d{1,19}\s*", value) else float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e300 and math.isfinite(value) else None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
    return bool(value) if isinstance(value, bool | int) else None


def _text(value: Any) -> str | None:
    return unescaped_text(value) if isinstance(value, str) else None


def _word(value: Any) -> str | None:
    return (clean_text(value).strip() or None) if isinstance(value, str) else None


def _words(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else []
    return tuple(clean_text(item) for item in items if isinstance(item, str))


def _url(value: Any) -> str | None:
    return (without_tracking(value) or None) if isinstance(value, str) else None


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _items(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


Integer = Annotated[int | None, BeforeValidator(_integer)]
Number = Annotated[float | None, BeforeValidator(_number)]
Boolean = Annotated[bool | None, BeforeValidator(_boolean)]
Text = Annotated[str | None, BeforeValidator(_text)]
Word = Annotated[str | None, BeforeValidator(_word)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Url = Annotated[str | None, BeforeValidator(_url)]
Object = Annotated[dict[str, Any] | None, BeforeValidator(_object)]
Items = Annotated[list[Any] | None, BeforeValidator(_items)]
