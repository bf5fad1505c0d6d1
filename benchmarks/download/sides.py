"""The ways of downloading images that are compared, each a command in a process of its own.

python -m benchmarks.download.sides SIDE URL COUNT FOLDER: prints seconds and the peak memory in MB.
"""

import io
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import peer

IMG2DATASET = ["img2dataset==1.47.0", "setuptools<81"]
SCRIPT_THREADS = 8
WARM_UP = 24
"""Images before the clock starts, so that no side's imports count."""


@dataclass(frozen=True, slots=True)
class Cost:
    seconds: float
    peak_mb: float


def measured(side: str, url: str, count: int, folder: Path) -> Cost:
    command = [sys.executable, "-m", "benchmarks.download.sides", side, url, str(count), str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, peak_mb = map(float, done.stdout.split())
    return Cost(seconds, peak_mb)


def image_url(base: str, number: int) -> str:
    return f"{base}/{number}.jpg"


def tar_of(folder: Path) -> Path:
    return folder / "batch-000000.tar"


def ours(base: str, count: int, folder: Path) -> float:
    """As the pipeline does it: validated, in the batch's archive."""
    from etsy_assets.catalog.records import ImageRecord
    from etsy_assets.imaging.download import download_batch

    records = [ImageRecord(n, n, 1, image_url(base, n), 1, "hex", "suffix") for n in range(count)]
    started = time.perf_counter()
    report = download_batch(records, tar_of(folder))
    seconds = time.perf_counter() - started
    assert report.failed == 0, report
    return seconds


def script(base: str, count: int, folder: Path) -> float:
    """requests.get in 8 threads, each file decoded in full by Pillow, and written."""
    import requests
    from PIL import Image

    def fetch(number: int) -> None:
        answer = requests.get(image_url(base, number), timeout=30)
        answer.raise_for_status()
        Image.open(io.BytesIO(answer.content)).load()
        (folder / f"{number:06d}.jpg").write_bytes(answer.content)

    started = time.perf_counter()
    with ThreadPoolExecutor(SCRIPT_THREADS) as pool:
        list(pool.map(fetch, range(count)))
    return time.perf_counter() - started


def img2dataset(base: str, count: int, folder: Path) -> float:
    """Its command, without re-encoding: as many processes as cores, 16 threads each, files in folders. Whole run."""
    urls = folder / "urls.txt"
    urls.write_text("".join(f"{image_url(base, number)}\n" for number in range(count)), encoding="utf-8")
    options = {
        "url_list": urls,
        "input_format": "txt",
        "output_folder": folder / "made",
        "output_format": "files",
        "processes_count": 2,
        "thread_count": 32,
        "resize_mode": "no",
        "skip_reencode": True,
        "number_sample_per_shard": max(count // 4, 1),
        "enable_wandb": False,
    }
    command = [
        str(peer("img2dataset", IMG2DATASET) / "img2dataset"),
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    made = len(list((folder / "made").rglob("*.jpg")))
    if done.returncode or made != count:
        raise RuntimeError(f"img2dataset made {made} files of {count}: {done.stderr[-2000:]}")
    return seconds


SIDES: dict[str, Callable[[str, int, Path], float]] = {"ours": ours, "script": script, "img2dataset": img2dataset}


def main(side: str, base: str, count: int, folder: Path) -> None:
    from etsy_assets_tests.imaging.three_stages import peak_mb

    if side != "img2dataset":  # Of which the caller leaves the start out.
        warm = folder / "warm"
        warm.mkdir()
        SIDES[side](base, WARM_UP, warm)
    seconds = SIDES[side](base, count, folder)
    print(seconds, peak_mb())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
