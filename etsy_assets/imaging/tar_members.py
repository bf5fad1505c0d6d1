"""The bytes of a batch's tar file: the same for the same pictures, whoever writes it and whenever.

pax global header (1,024 bytes): comment=<content id>          as `git archive` writes the commit there; readers skip it
per picture: ustar header (512), the bytes, zeros up to 512     mtime, uid and gid are 0
    and its mask, if there is one, in the same way after it
two blocks of zeros, then zeros up to 10,240
"""

import hashlib
import re
import tarfile
from collections.abc import Iterable

BLOCK = tarfile.BLOCKSIZE
ARCHIVE_HEADER_SIZE = 2 * BLOCK

_COMMENT = re.compile(rb"^\d+ comment=([0-9a-f]{64})\n")


def member_name(listing_id: int, image_id: int) -> str:
    """The webdataset name: everything before the first dot is the sample's key."""
    return f"{listing_id}_{image_id}.jpg"


def mask_name(listing_id: int, image_id: int) -> str:
    """Of the mask that a cutout was made with: webdataset takes it as another field of the same sample."""
    return f"{listing_id}_{image_id}.mask.png"


def content_id(members: Iterable[tuple[str, int, str]]) -> str:
    """SHA-256 over (name, size in bytes, SHA-256) of each member in order: equal ids, equal tars."""
    digest = hashlib.sha256()
    for name, size, sha256 in members:
        digest.update(f"{name} {size} {sha256}\n".encode())
    return digest.hexdigest()


EMPTY_CONTENT_ID = content_id([])


def archive_header(content: str) -> bytes:
    """What precedes the first member; nothing without one, since Python's tarfile refuses a header on its own."""
    if content == EMPTY_CONTENT_ID:
        return b""
    return tarfile.TarInfo.create_pax_global_header({"comment": content})


def read_content_id(head: bytes) -> str | None:
    """The content id in the first ARCHIVE_HEADER_SIZE bytes of a tar; None when there is none."""
    if head and not head.strip(b"\0"):
        return EMPTY_CONTENT_ID
    found = _COMMENT.match(head[BLOCK:ARCHIVE_HEADER_SIZE])
    return found.group(1).decode() if found and head[156:157] == tarfile.XGLTYPE else None


def member_header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    return member.tobuf(tarfile.USTAR_FORMAT)


def padded(size: int, unit: int = BLOCK) -> int:
    """`size` rounded up to whole units, in bytes."""
    return -(-size // unit) * unit


def member(name: str, data: bytes) -> bytes:
    """A whole member: header, data, zeros."""
    return b"".join((member_header(name, len(data)), data, padding(len(data))))


def padding(size: int) -> bytes:
    return b"\0" * (padded(size) - size)


def end_of_archive(position: int) -> bytes:
    """What closes a tar whose members end at byte `position`."""
    return b"\0" * (padded(position + 2 * BLOCK, tarfile.RECORDSIZE) - position)
