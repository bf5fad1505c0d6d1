"""What the JSON files beside the search artifacts say: which bytes belong to which version.

A file's checksum is taken when it is built, not when it is published, so damage in between is found too.
"""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from etsy_assets.errors import CorruptArtifact
from etsy_assets.storage import Home, sha256_file, write_text


class Manifest(BaseModel):
    """A frozen JSON document that is written whole or not at all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def write(self, path: Path) -> None:
        write_text(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path, remedy: str) -> Self:
        """Raises CorruptArtifact naming `path` and the remedy when the file is missing or is not such a document."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise CorruptArtifact(f"{path} is missing: {remedy}.") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the document"
            raise CorruptArtifact(f"{path} is damaged ({place}: {first['msg']}): {remedy}.") from error


class FileStamp(Manifest):
    """The bytes that a file must have."""

    sha256: str
    bytes: int

    @classmethod
    def of(cls, path: Path) -> "FileStamp":
        return cls(sha256=sha256_file(path), bytes=path.stat().st_size)

    def problem(self, path: Path, checksum: bool = True) -> str | None:
        """What is wrong with the file at `path`, or None. Without `checksum` only presence and size are looked at."""
        if not path.is_file():
            return f"{path} is missing"
        size = path.stat().st_size
        if size != self.bytes:
            return f"{path} is damaged (it has {size} bytes, and was written with {self.bytes})"
        if checksum and (found := sha256_file(path)) != self.sha256:
            return f"{path} is damaged (its SHA-256 is {found[:12]}…, and was written as {self.sha256[:12]}…)"
        return None


class RowsManifest(Manifest):
    """rows.json: the order of a segment's images, fixed once. `version` is a hash of the rows themselves."""

    segment: str
    version: str
    rows: int
    listings: int
    batches: tuple[str, ...]
    files: dict[str, FileStamp]


class CodebookManifest(Manifest):
    """<hash>.json: the centroids that the indexes of one encoder share. file: relative to the home folder."""

    name: str
    number: int
    kind: str
    fingerprint: str
    dimension: int
    lists: int
    trained_rows: int
    file: str
    stamp: FileStamp


class PassedOver(Manifest):
    """A kind of index that was tried for a segment, and the recall that it reached at best."""

    kind: str
    recall: float


class IndexManifest(Manifest):
    """<encoder>.json: the index of one encoder over one version of a segment's rows.

    The file names carry a hash of the content. So an encoder with new weights can be indexed over the same rows while
    the published snapshot goes on naming, and finding, the files that it was published with.

    effort: how much a search looks at, in the kind's own measure (lists probed, or neighbours kept); 0 = everything.
    recall: the share of the true ten nearest that were found with it, after re-scoring, by queries from the segment.
    """

    encoder: str
    fingerprint: str
    rows_version: str
    rows: int
    dimension: int
    kind: str
    effort: int = 0
    recall: float = 1.0
    passed_over: tuple[PassedOver, ...] = ()
    codebook: CodebookManifest | None = None
    matrix: str
    index: str
    files: dict[str, FileStamp]


def rows_manifest_path(home: Home, segment: str, version: str) -> Path:
    return home.segment(segment, version) / "rows.json"


def index_manifest_path(home: Home, segment: str, version: str, name: str) -> Path:
    """name: the encoder's, with `text_` before it for its text index."""
    return home.segment(segment, version) / f"{name}.json"


def read_rows_manifest(home: Home, segment: str, version: str) -> RowsManifest:
    """Raises CorruptArtifact when it can't be read, or is that of other rows."""
    path = rows_manifest_path(home, segment, version)
    remedy = f"materialize segment_rows for {segment} to write it again"
    manifest = RowsManifest.read(path, remedy)
    if (manifest.segment, manifest.version) != (segment, version):
        raise CorruptArtifact(f"{path} is that of {manifest.segment}, version {manifest.version}: {remedy}.")
    return manifest


def read_index_manifest(home: Home, segment: str, version: str, name: str) -> IndexManifest:
    """Raises CorruptArtifact when it can't be read, or is that of another index or of other rows.

    Or a manifest in the place of another encoder's would have that one's vectors searched under this name.
    """
    path = index_manifest_path(home, segment, version, name)
    remedy = f"materialize {index_asset(name)} for {segment} to build it again"
    manifest = IndexManifest.read(path, remedy)
    if manifest.rows_version != version or not all(file.startswith(f"{name}.") for file in manifest.files):
        raise CorruptArtifact(
            f"{path} is that of {', '.join(manifest.files)} over version {manifest.rows_version}: {remedy}."
        )
    return manifest


def index_asset(name: str) -> str:
    """The asset that builds the index `name`, as a person finds it in the UI."""
    return f"text_index/{name.removeprefix('text_')}" if name.startswith("text_") else f"index/{name}"


def codebook_remedy(manifest: CodebookManifest) -> str:
    """What to do about a codebook that is lost: every index that was made with it must be made again."""
    return f"delete it and its .json, and materialize the indexes of {manifest.name} for every segment again"
