"""Runs stages of a batch in processes that are killed from outside: by SIGKILL, at any moment.

    python -m etsy_assets_tests.jobs.killed_stage

Reads lines of JSON, {"stage", "source", "destination", "after_items", "delay"}, and forks a process for each, so that
the libraries are imported once. stage: download, cutouts or embeddings. source, destination: home folders; it reads the
one and writes the other. The process is killed `delay` seconds after it has finished so many items, or left alone where
after_items is -1. Answers each with {"signal", "items"}: what ended it, 0 if nothing did, and the items it finished.
"""

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from etsy_assets.catalog.records import ImageRecord
from etsy_assets.encoders.batch import embed_batch
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import find_encoder
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.cutouts import BackgroundRemover, cut_out_batch
from etsy_assets.imaging.download import DownloadOptions, download_batch
from etsy_assets.resources.imaging import DEMO_MASK_NETWORK
from etsy_assets.storage import Home

BATCH = "batch-000000"
USED_BY_THE_STAGES = ("pyarrow.parquet", "rembg", "torch", "open_clip", "transformers")
ONE_OF_EACH_CLASS = ("demo_clip_a", "demo_dinov2_a", "demo_dinov3")
EMBEDDED_AT_ONCE = 4
Note = Callable[[], None]
"""To be called when an item is finished."""


def records_path(home: Home) -> Path:
    """What is to be downloaded: a list of the fields of ImageRecords."""
    return home.root / "records.json"


def download(source: Home, destination: Home, note: Note) -> None:
    records = [ImageRecord(**fields) for fields in json.loads(records_path(source).read_text())]
    options = DownloadOptions(concurrency=3)
    download_batch(records, destination.images(BATCH), options, on_item=lambda _: note())


def cutouts(source: Home, destination: Home, note: Note) -> None:
    remover = BackgroundRemover("u2net_custom", DEMO_MASK_NETWORK, threads=1)
    cut_out_batch(source.images(BATCH), destination.cutouts(BATCH), remover, on_item=lambda _: note())


def embeddings(source: Home, destination: Home, note: Note) -> None:
    encoders = {name: load_encoder(find_encoder(name), "cpu") for name in ONE_OF_EACH_CLASS}
    paths = {name: destination.embeddings(name, BATCH) for name in encoders}
    with ImageArchive.open(source.cutouts(BATCH)) as archive:
        embed_batch(archive, encoders, paths, EMBEDDED_AT_ONCE, on_progress=lambda *_: note())


STAGES = {"download": download, "cutouts": cutouts, "embeddings": embeddings}


def in_a_process_of_its_own(
    stage: str, source: Path, destination: Path, after_items: int, delay: float
) -> dict[str, int]:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        failed = True
        try:
            os.write(writable, b"0")
            STAGES[stage](Home(source), Home(destination), lambda: os.write(writable, b"1"))
            if after_items >= 0:
                signal.pause()
            failed = False
        finally:
            sys.excepthook(*sys.exc_info()) if failed else None
            os._exit(failed)
    os.close(writable)
    # It says so when it begins, too.
    said = 0
    while said <= after_items and os.read(readable, 1):
        said += 1
    if said > after_items >= 0:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(readable, "rb") as pipe:
        said += len(pipe.read())
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("The stage failed, and was not killed: see above.")
    return {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "items": said - 1}


def main() -> None:
    for library in USED_BY_THE_STAGES:
        importlib.import_module(library)
    for line in sys.stdin:
        order = json.loads(line)
        folders = {name: Path(order.pop(name)) for name in ("source", "destination")}
        answer = in_a_process_of_its_own(**order, **folders)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
