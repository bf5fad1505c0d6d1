"""The snapshots that are kept: finding one, and going back to one."""

from etsy_assets.errors import ConfigurationError, CorruptArtifact
from etsy_assets.search.named_files import named_files
from etsy_assets.search.publish_lock import publishing
from etsy_assets.search.snapshots import (
    Snapshot,
    current_snapshot,
    make_current,
    published_versions,
    read_snapshot,
)
from etsy_assets.storage import Home

_SHOWN_VERSIONS = 5


def find_snapshot(home: Home, version: str | None = None) -> Snapshot:
    """The snapshot of a version, by default the current one.

    Raises ConfigurationError when it is not kept, CorruptArtifact when it can't be read.
    """
    if version is None:
        current = current_snapshot(home)
        if current is None:
            raise ConfigurationError(
                f"No snapshot was published yet in {home.root}: materialize search_snapshot, or set ETSY_ASSETS_HOME "
                "to the folder of another corpus."
            )
        return current
    kept = published_versions(home)
    if version not in kept:
        newest = ", ".join(reversed(kept[-_SHOWN_VERSIONS:])) or "there is none"
        raise ConfigurationError(f"The snapshot {version!r} is not kept: give one that is, the newest are: {newest}.")
    return read_snapshot(home, version)


def roll_back(home: Home, version: str) -> str | None:
    """Makes a kept snapshot the one that is searched. Returns the version that was before, None if it was damaged.

    Its files must all be there and have their sizes; their checksums are compared by whoever opens it. It waits for
    publishing and collecting to end, so that the files found are there still when CURRENT names them.
    Raises as find_snapshot does, and CorruptArtifact naming a file that is missing or of another size.
    """
    with publishing(home):
        snapshot = find_snapshot(home, version)
        for file in named_files(home, snapshot):
            if problem := file.stamp.problem(file.path, checksum=False):
                raise CorruptArtifact(
                    f"The snapshot {version} can't be searched, so the current one stays: {problem}. Choose another "
                    f"version, or {file.remedy}."
                )
        try:
            before = current_snapshot(home)
        except CorruptArtifact:
            # Going back is what a damaged current snapshot calls for.
            before = None
        make_current(home, version)
        return before.version if before else None
