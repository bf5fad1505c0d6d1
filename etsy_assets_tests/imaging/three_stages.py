"""Downloads a batch, cuts it out and embeds it in a process of its own, whose memory is measured.

    python -m etsy_assets_tests.imaging.three_stages FOLDER MASK_NETWORK < records.json

records.json: a list of ImageRecord's fields. Writes the archives and embeddings into FOLDER, and answers with JSON:
outcomes ([image id, stage, status, reason]), and peak_mb after each stage: the most that was resident until then.
"""

import json
import sys
from pathlib import Path

from etsy_assets.catalog.records import ImageRecord, Outcome
from etsy_assets.encoders.batch import embed_batch
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import find_encoder
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.cutouts import BackgroundRemover, cut_out_batch
from etsy_assets.imaging.download import DownloadOptions, download_batch
from etsy_assets.storage import Home

BATCH = "batch-000000"
# One of each model class, each with a library's own preprocessing.
ENCODERS = ("demo_clip_a", "demo_dinov2_a", "demo_dinov3")
HASTY = DownloadOptions(max_tries=2, backoff_seconds=0.001, max_backoff_seconds=0.002)


def peak_mb() -> int:
    # Not getrusage: a process inherits the ru_maxrss of the one that started it.
    status = Path("/proc/self/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def main(folder: str, mask_network: str) -> None:
    home = Home(Path(folder))
    records = [ImageRecord(**record) for record in json.load(sys.stdin)]
    outcomes: list[Outcome] = []
    peaks = {"imports": peak_mb()}
    outcomes += download_batch(records, home.images(BATCH), HASTY).outcomes
    peaks["download"] = peak_mb()
    remover = BackgroundRemover("u2net_custom", Path(mask_network))
    outcomes += cut_out_batch(home.images(BATCH), home.cutouts(BATCH), remover).outcomes
    peaks["cutouts"] = peak_mb()
    encoders = {name: load_encoder(find_encoder(name)) for name in ENCODERS}
    paths = {name: home.embeddings(name, BATCH) for name in encoders}
    with ImageArchive.open(home.cutouts(BATCH)) as cutouts:
        outcomes += embed_batch(cutouts, encoders, paths).outcomes
    peaks["embeddings"] = peak_mb()
    found = [(outcome.image_id, outcome.stage, outcome.status, outcome.reason) for outcome in outcomes]
    json.dump({"outcomes": found, "peak_mb": peaks}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
