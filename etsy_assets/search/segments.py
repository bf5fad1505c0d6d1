"""One segment as a whole: what was built for a version of its rows, and whether it is sound."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.manifests import (
    CodebookManifest,
    FileStamp,
    IndexManifest,
    Manifest,
    RowsManifest,
    codebook_remedy,
    index_asset,
    read_index_manifest,
    read_rows_manifest,
)
from etsy_assets.storage import Home

DEAD_ROWS_ASSET = "search_snapshot"
FileKey = tuple[str, str, str]
"""(segment, file name, sha256): one file with one content."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a segment is made of, and what to do when it is damaged."""

    path: Path
    stamp: FileStamp
    segment: str
    remedy: str

    @property
    def key(self) -> FileKey:
        return self.segment, self.path.name, self.stamp.sha256


class DeadRows(Manifest):
    """Rows of a segment whose images are no longer to be had: not to be returned, and not to be counted.

    rows: how many; listings: those of them all of whose images are dead. tombstones: a hash of the images that were
    looked for, which may be more than the segment holds. file: with the columns row, listing_id and image_id.
    """

    file: str
    rows: int
    listings: int
    tombstones: str
    stamp: FileStamp


class Segment(Manifest):
    """One version of a segment with every index over it. `indexes` is by encoder, `text_indexes` by text encoder.

    dead: None while no image of its batches is dead.
    """

    rows: RowsManifest
    indexes: dict[str, IndexManifest]
    text_indexes: dict[str, IndexManifest]
    dead: DeadRows | None = None

    @property
    def name(self) -> str:
        return self.rows.segment

    def folder(self, home: Home) -> Path:
        return home.segment(self.rows.segment, self.rows.version)

    @property
    def key(self) -> tuple[FileKey, ...]:
        """Which bytes this is. Two segments of the same key are the same, whatever snapshot they stand in."""
        return (
            *((self.name, name, stamp.sha256) for name, stamp, _ in self.files()),
            *((self.name, Path(codebook.file).name, codebook.stamp.sha256) for codebook in self.codebooks),
        )

    @property
    def built_key(self) -> tuple[FileKey, ...]:
        """The key without the dead rows: which rows and indexes these are."""
        return self.model_copy(update={"dead": None}).key

    @property
    def dead_share(self) -> float:
        """How much of the segment is dead, 0 to 1."""
        return self.dead.rows / self.rows.rows if self.dead and self.rows.rows else 0.0

    def files(self) -> Iterator[tuple[str, FileStamp, str]]:
        """Each of its files: the name in the segment's folder, its bytes, and the asset that makes it."""
        yield from ((name, stamp, "segment_rows") for name, stamp in self.rows.files.items())
        for prefix, indexes in (("", self.indexes), ("text_", self.text_indexes)):
            for encoder, index in indexes.items():
                yield from ((name, stamp, index_asset(prefix + encoder)) for name, stamp in index.files.items())
        if self.dead:
            yield self.dead.file, self.dead.stamp, DEAD_ROWS_ASSET

    @property
    def codebooks(self) -> tuple[CodebookManifest, ...]:
        """Those that its indexes were made with; other segments share them."""
        indexes = (*self.indexes.values(), *self.text_indexes.values())
        return tuple(index.codebook for index in indexes if index.codebook is not None)

    def named_files(self, home: Home) -> Iterator["NamedFile"]:
        """Every file that the segment needs, also those outside its folder, which it shares with others."""
        for name, stamp, asset in self.files():
            partition = "" if asset == DEAD_ROWS_ASSET else f" for {self.name}"
            remedy = f"materialize {asset}{partition} to build it again"
            yield NamedFile(self.folder(home) / name, stamp, self.name, remedy)
        for codebook in self.codebooks:
            yield NamedFile(home.root / codebook.file, codebook.stamp, self.name, codebook_remedy(codebook))

    def problems(self, home: Home, checksum: bool = True, known: Collection[FileKey] = ()) -> Iterator[str]:
        """One sentence for each file that is missing or damaged, naming it and how to build it again.

        known: files whose bytes are not read, because they were before.
        """
        for file in self.named_files(home):
            if problem := file.stamp.problem(file.path, checksum and file.key not in known):
                yield f"{problem}: {file.remedy}."

    def uneven(self) -> Iterator[str]:
        """One sentence for each index that is not one row for each image, or for each listing."""
        for prefix, indexes, rows in (
            ("", self.indexes, self.rows.rows),
            ("text_", self.text_indexes, self.rows.listings),
        ):
            for encoder, index in indexes.items():
                if (index.rows, index.rows_version) != (rows, self.rows.version):
                    yield (
                        f"{index_asset(prefix + encoder)} of {self.name} has {index.rows} rows of version "
                        f"{index.rows_version}, and its segment {rows} of version {self.rows.version}: materialize it "
                        "again."
                    )


def built_segment(home: Home, segment: str, version: str) -> Segment:
    """What lies in the folder of one version of a segment. Raises CorruptArtifact when a manifest can't be read."""
    rows = read_rows_manifest(home, segment, version)
    folder = home.segment(segment, version)
    names = sorted(path.stem for path in folder.glob("*.json") if path.name != "rows.json")
    manifests = {name: read_index_manifest(home, segment, version, name) for name in names}
    return Segment(
        rows=rows,
        indexes={name: manifest for name, manifest in manifests.items() if not name.startswith("text_")},
        text_indexes={manifest.encoder: manifest for name, manifest in manifests.items() if name.startswith("text_")},
    )


def verify_segment(home: Home, segment: str, version: str) -> tuple[str, ...]:
    """Checks every checksum and row count of one version of a segment. Returns what is wrong, nothing when sound."""
    try:
        built = built_segment(home, segment, version)
    except CorruptArtifact as error:
        return (str(error),)
    return (*built.problems(home), *built.uneven())
