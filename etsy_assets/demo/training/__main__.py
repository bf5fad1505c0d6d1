"""`python -m etsy_assets.demo.training FOLDER`: trains the demo's models again. See docs/demo-models.md."""

import os
from pathlib import Path

import click

from etsy_assets.demo.training.recipe import Minutes, Workplace, one_thread, train_all


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--scale", default=1.0, show_default=True, help="Times the minutes of every network.")
@click.option("--workers", default=os.cpu_count() or 1, show_default=True, help="Processes, of one thread each.")
def main(folder: Path, scale: float, workers: int) -> None:
    one_thread()
    train_all(Workplace(folder), Minutes().scaled(scale), workers)


if __name__ == "__main__":
    main()
