"""`python -m etsy_assets.demo.training FOLDER`: trains the demo's models again. See docs/demo-models.md."""

import os
from pathlib import Path

import click

from etsy_assets.demo.training.recipe import Minutes, Workplace, one_thread, train_all, train_further


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--more", metavar="MODEL", help="Train this CLIP model or backbone further, and no other.")
@click.option("--scale", default=1.0, show_default=True, help="Times the minutes of every network.")
@click.option("--workers", default=os.cpu_count() or 1, show_default=True, help="Processes, of one thread each.")
def main(folder: Path, more: str | None, scale: float, workers: int) -> None:
    one_thread()
    minutes = Minutes().scaled(scale)
    if more is None:
        train_all(Workplace(folder), minutes, workers)
    else:
        train_further(Workplace(folder), more, minutes)


if __name__ == "__main__":
    main()
