"""The anatomy of an image URL on Etsy's CDN (and on the simulated shop, which follows it).

    {base}/{shop_id}/r/il/{hex}/{image_id}/il_{size}.{image_id}_{suffix}.jpg

Forms found in public data: a shop_id or none; `r`, `d` (old thumbnails), `c/{w}/{h}/{x}/{y}` (a crop) or nothing in the
place of the treatment; kinds `il` (listing image), `iap` (review photo), `iusa` (avatar); no suffix on images of 2012;
a `?version=` query; and the old flat form without the folders of hex and id.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

# The API answers 75x75, 170x135, 570xN and fullxfull; the website's own sizes (794xN, 1588xN) are the same path.
_SIZE = r"[0-9A-Za-z]+x[0-9A-Za-z]+"
_FILE = re.compile(
    rf"(?P<kind>[a-z]+)_(?P<size>{_SIZE})\.(?P<image_id>[1-9]\d*)(?:_(?P<suffix>[0-9A-Za-z]+))?\.(?P<extension>[a-z]+)"
)
_FOLDERS = re.compile(r"(?P<start>.*?)/(?P<kind>[a-z]+)/(?P<hex>[0-9a-f]+)/(?P<image_id>[1-9]\d*)")
_START = re.compile(r"(?:/(?P<shop_id>[1-9]\d*))?(?:/(?P<treatment>[a-z](?:/\d+)*))?")
# Above this an id is not one: the catalog's columns hold 64 bits.
_LARGEST_ID = 2**63 - 1


class UnknownImageUrl(ValueError):
    """A URL that has none of the known forms, or that names two different images."""


@dataclass(frozen=True, slots=True)
class CdnUrl:
    """The parts of an image URL; str() gives the URL back.

    base: scheme and host. treatment: "r", "d", "c/{w}/{h}/{x}/{y}" or ""; in the flat form (hex None) all that stands
    before the file name. suffix: a token per image, None on the oldest. query: without its "?", "" when there is none.
    """

    base: str
    shop_id: int | None
    treatment: str
    kind: str
    hex: str | None
    image_id: int
    size: str
    suffix: str | None
    extension: str = "jpg"
    query: str = ""

    def __str__(self) -> str:
        folders = [str(self.shop_id)] if self.shop_id is not None else []
        if self.treatment:
            folders.append(self.treatment)
        if self.hex is not None:
            folders += [self.kind, self.hex, str(self.image_id)]
        token = f"_{self.suffix}" if self.suffix is not None else ""
        file = f"{self.kind}_{self.size}.{self.image_id}{token}.{self.extension}"
        query = f"?{self.query}" if self.query else ""
        return "/".join([self.base, *folders, file]) + query

    def at_size(self, size: str) -> str:
        """The URL of the same picture at another size, such as "794xN". Raises ValueError for what is no size."""
        if not re.fullmatch(_SIZE, size):
            raise ValueError(f"{size!r} is not an image size: they look like 170x135, 794xN or fullxfull.")
        return str(replace(self, size=size))


def parse_image_url(url: str) -> CdnUrl:
    """The parts of an image URL of any host. Raises UnknownImageUrl."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UnknownImageUrl(f"{url!r} is not a URL: {error}.") from None
    path, _, name = parts.path.rpartition("/")
    file = _FILE.fullmatch(name)
    if parts.scheme not in ("http", "https") or not parts.netloc or file is None:
        raise UnknownImageUrl(f"{url!r} has no known form of an image URL: expected .../il_SIZE.ID_SUFFIX.jpg.")
    folders = _FOLDERS.fullmatch(path)
    start = _START.fullmatch(folders["start"]) if folders else None
    image_id = int(file["image_id"])
    if image_id > _LARGEST_ID:
        raise UnknownImageUrl(f"{url!r} has an image id beyond 64 bits.")
    if folders and (int(folders["image_id"]) != image_id or folders["kind"] != file["kind"]):
        raise UnknownImageUrl(f"{url!r} names two different images, {folders['image_id']} and {image_id}.")
    if folders and start is None:
        raise UnknownImageUrl(
            f"{url!r} has no known form of an image URL: {folders['start']!r} is not a shop and crop."
        )
    return CdnUrl(
        base=f"{parts.scheme}://{parts.netloc}",
        shop_id=int(start["shop_id"]) if start and start["shop_id"] else None,
        treatment=(start["treatment"] or "") if start else path.removeprefix("/"),
        kind=file["kind"],
        hex=folders["hex"] if folders else None,
        image_id=image_id,
        size=file["size"],
        suffix=file["suffix"],
        extension=file["extension"],
        query=parts.query,
    )
