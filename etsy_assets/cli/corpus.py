"""`etsy-assets corpus`: proving, exporting, rolling back and collecting what is searched."""

from pathlib import Path

import click


@click.group()
def corpus() -> None:
    """The published search corpus: prove it, export it, go back to an older one, delete old files."""


SNAPSHOT_OPTION = click.option("--snapshot", metavar="VERSION", help="The snapshot; by default the current one.")


@corpus.command()
@SNAPSHOT_OPTION
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=64,
    show_default=True,
    help="Stored cutouts that every encoder embeds again, to compare; 0 compares none.",
)
def verify(snapshot: str | None, sample: int) -> None:
    """Prove every file and every row of the corpus, or name the first that is wrong."""
    from etsy_assets.cli.corpus_commands import run_verify

    run_verify(snapshot, sample)


@corpus.command()
@click.argument("folder", type=click.Path(path_type=Path))
@SNAPSHOT_OPTION
@click.option("--encoder", "encoders", metavar="NAME", multiple=True, help="Only this encoder; may be given again.")
@click.option("--force", is_flag=True, help="Replace the *.faiss files and image_index.json that are in FOLDER.")
def export(folder: Path, snapshot: str | None, encoders: tuple[str, ...], force: bool) -> None:
    """Write <encoder>.faiss (flat) and image_index.json to FOLDER, for other tools."""
    from etsy_assets.cli.corpus_commands import run_export

    run_export(folder, snapshot, encoders, force)


@corpus.command()
@click.option("--keep", type=int, default=10, show_default=True, help="Newest snapshots to keep, 1 or more.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def collect(keep: int, dry_run: bool) -> None:
    """Delete old snapshots and the files that only they need. The current snapshot always stays."""
    from etsy_assets.cli.corpus_commands import run_collect

    run_collect(keep, dry_run)


@corpus.command()
def snapshots() -> None:
    """List the snapshots that are kept."""
    from etsy_assets.cli.corpus_commands import run_snapshots

    run_snapshots()


@corpus.command()
@click.argument("version")
def rollback(version: str) -> None:
    """Make an older snapshot, or a newer one again, the one that is searched."""
    from etsy_assets.cli.corpus_commands import run_rollback

    run_rollback(version)
