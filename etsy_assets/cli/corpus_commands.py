"""What the commands of `etsy-assets corpus` do and show."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from etsy_assets.errors import CorruptArtifact
from etsy_assets.resources.deployment import profile_models
from etsy_assets.search.alignment import ALIGNED
from etsy_assets.search.collection import collect
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.export import export_corpus
from etsy_assets.search.kept_snapshots import find_snapshot, roll_back
from etsy_assets.search.named_files import named_files
from etsy_assets.search.segments import NamedFile
from etsy_assets.search.snapshots import Snapshot, published_versions, read_snapshot
from etsy_assets.search.verification import Alignment, verify_alignment, verify_files
from etsy_assets.settings import Settings
from etsy_assets.storage import Home


def run_verify(version: str | None, sample: int) -> None:
    """Shows what was proven. Raises CorruptArtifact naming the first file, and row, that is wrong."""
    settings, console = Settings.from_environment(), Console()
    home = Home(settings.home)
    snapshot = find_snapshot(home, version)
    corpus = verify_with_progress(console, home, snapshot)
    alignment = None
    if sample:
        with console.status(f"Embedding {sample} cutouts again"):
            encoders = profile_models(settings).load_all(snapshot.encoders)
            alignment = verify_alignment(home, corpus, encoders, sample)
    show_proof(console, home, snapshot, alignment)


def verify_with_progress(console: Console, home: Home, snapshot: Snapshot) -> Corpus:
    total = sum(file.stamp.bytes for file in named_files(home, snapshot))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Reading every file", total=total)

        def checked(file: NamedFile) -> None:
            progress.advance(task, file.stamp.bytes)

        return verify_files(home, snapshot, checked)


def show_proof(console: Console, home: Home, snapshot: Snapshot, alignment: Alignment | None) -> None:
    table = Table(title=f"Snapshot {snapshot.version} is sound")
    table.add_column("index", no_wrap=True)
    for heading in ("segments", "rows", "size", "lowest cosine"):
        table.add_column(heading, justify="right", no_wrap=True)
    sizes = index_sizes(home, snapshot)
    for name in snapshot.encoders:
        rows = sum(segment.rows.rows for segment in snapshot.segments)
        cosine = f"{alignment.lowest[name]:.5f}" if alignment and alignment.compared else "not compared"
        table.add_row(name, str(len(snapshot.segments)), f"{rows:,}", decimal(sizes[name]), cosine)
    for name in snapshot.text_encoders:
        rows = sum(segment.rows.listings for segment in snapshot.segments)
        table.add_row(f"text_{name}", str(len(snapshot.segments)), f"{rows:,}", decimal(sizes[f"text_{name}"]), "")
    console.print(table)
    console.print(alignment_sentence(alignment))


def alignment_sentence(alignment: Alignment | None) -> str:
    if alignment is None:
        return "No cutout was embedded again (--sample 0): the files are as they were built, from whatever images."
    changed = f" {alignment.changed} more were made anew since and could not be compared." if alignment.changed else ""
    return f"{alignment.compared} cutouts were embedded again; a cosine of {ALIGNED} or more proves the row.{changed}"


def index_sizes(home: Home, snapshot: Snapshot) -> Mapping[str, int]:
    """Bytes by index: an encoder's name, or text_<encoder>. A file's name begins with that of its index."""
    sizes: defaultdict[str, int] = defaultdict(int)
    for file in named_files(home, snapshot):
        sizes[file.path.name.split(".")[0]] += file.stamp.bytes
    return sizes


def run_export(folder: Path, version: str | None, encoders: tuple[str, ...], force: bool) -> None:
    console, home = Console(), Home(Settings.from_environment().home)
    snapshot = find_snapshot(home, version)
    with console.status(f"Exporting {snapshot.counts.images:,} images"):
        corpus = Corpus.open(home, snapshot)
        export = export_corpus(home, corpus, folder, encoders, live=~corpus.dead, force=force)
    table = Table()
    table.add_column("file", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    for name, size in export.files.items():
        table.add_row(name, decimal(size))
    console.print(table)
    console.print(
        f"{export.rows:,} rows of the snapshot {export.snapshot} are in {folder}. Row N of every .faiss file is "
        "element N of image_index.json.",
        soft_wrap=True,
    )


def run_collect(keep: int, dry_run: bool) -> None:
    console = Console()
    rubbish = collect(Home(Settings.from_environment().home), keep, dry_run=dry_run)
    if dry_run:
        for path in (*rubbish.snapshots, *rubbish.files):
            console.print(str(path), soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"{'Would be deleted' if dry_run else 'Deleted'}: snapshots {len(rubbish.snapshots)}, other files "
        f"{len(rubbish.files)}, {decimal(rubbish.bytes)} in all."
    )


def run_snapshots() -> None:
    console, home = Console(), Home(Settings.from_environment().home)
    current, damage = None, None
    try:
        current = find_snapshot(home).version
    except CorruptArtifact as error:
        damage = str(error)
    # Without lines between them the columns fit into 80 characters, and a version can be copied whole.
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("snapshot", no_wrap=True)
    table.add_column("published", no_wrap=True)
    for heading in ("segments", "images"):
        table.add_column(heading, justify="right", no_wrap=True)
    for version in reversed(published_versions(home)):
        mark = "*" if version == current else ""
        try:
            snapshot = read_snapshot(home, version)
        except CorruptArtifact:
            table.add_row(mark, version, "damaged")
            continue
        published = f"{snapshot.created_at.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(mark, version, published, str(snapshot.counts.segments), f"{snapshot.counts.images:,}")
    console.print(table)
    console.print(
        "* is the one that is searched." if current else f"None can be searched now: {damage}", soft_wrap=True
    )


def run_rollback(version: str) -> None:
    console, home = Console(), Home(Settings.from_environment().home)
    before = roll_back(home, version)
    if before == version:
        console.print(f"{version} is the current snapshot already.", soft_wrap=True)
        return
    console.print(f"{version} is searched from now on.", soft_wrap=True)
    if before:
        console.print(
            f"Before it was {before}; to go back: [bold]etsy-assets corpus rollback {before}[/bold]", soft_wrap=True
        )
    console.print("Is publish_sensor on? It publishes the newest segments again as soon as an index is built.")
