"""The ways of cutting photos out that are compared: ours, rembg's command, and the network alone.

python -m benchmarks.cutouts.sides COUNT: the most memory, in MB, that cutting so many photos out takes in a process of
its own. By the demo's network: U-2-Net would take half an hour.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.peers import peer
from benchmarks.photos import LARGE, rendered_jpegs
from etsy_assets.imaging.archive_index import ArchiveEntry
from etsy_assets.imaging.archive_writer import ArchiveWriter, WantedImage
from etsy_assets.imaging.cutouts import BackgroundRemover, cut_out_batch

DISTINCT = 16


def write_folder(jpegs: Sequence[bytes], folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, data in enumerate(jpegs):
        (folder / f"{number:05d}.jpg").write_bytes(data)


def write_archive(jpegs: Sequence[bytes], path: Path, size: tuple[int, int]) -> None:
    """As the download leaves it."""
    wanted = [WantedImage(number, number, True, f"/{number}.jpg") for number in range(len(jpegs))]
    with ArchiveWriter(path, wanted) as writer:
        for image, data in zip(wanted, jpegs, strict=True):
            ids = (image.listing_id, image.image_id, image.is_primary)
            entry = ArchiveEntry(
                *ids,
                status="ok",
                reason=None,
                detail=None,
                source_key=image.source_key,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                width=size[0],
                height=size[1],
                format="jpeg",
            )
            writer.add(entry, data)
        writer.publish()


def ours(images: Path, remover: BackgroundRemover) -> float:
    """Seconds of a batch: from its archive of photos to its archive of cutouts and masks."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        report = cut_out_batch(images, Path(folder) / "batch-000000.tar", remover)
        seconds = time.perf_counter() - started
    uncut = [outcome for outcome in report.outcomes if outcome.status != "ok"]
    if uncut:
        raise RuntimeError(f"{len(uncut)} photos were not cut out: {uncut[0]}")
    return seconds


def rembg(photos: Path, network: Path, output: Path) -> float:
    """Seconds of `rembg p`, the whole command: it writes a PNG with alpha for each photo."""
    # Its own script is not there where pip took rembg over from this environment and added the command's needs only.
    command = [
        str(peer("rembg", [f"rembg[cpu,cli]=={version('rembg')}"]) / "python"),
        *("-c", "import rembg.cli; rembg.cli.main(prog_name='rembg')"),
        *("p", "-m", "u2net_custom", "-x", json.dumps({"model_path": str(network)}), str(photos), str(output)),
    ]
    threads = str(len(os.sched_getaffinity(0)))
    # rembg takes weights of its home folder only.
    variables = {"U2NET_HOME": str(network.parent), "REMBG_HOME": str(network.parent), "OMP_NUM_THREADS": threads}
    started = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode or len(list(output.glob("*.png"))) != len(list(photos.iterdir())):
        raise RuntimeError(f"rembg failed: {(done.stdout + done.stderr)[-2000:]}")
    return seconds


def rembg_masks(output: Path) -> list[npt.NDArray[np.uint8]]:
    """uint8 (h, w) each, in the order of the photos' names."""
    return [np.asarray(Image.open(path).getchannel("A")) for path in sorted(output.glob("*.png"))]


def inference_loop(network: Path, inputs: Sequence[npt.NDArray[np.float32]]) -> float:
    """Seconds of session.run alone, one thread each on as many inputs at once as there are cores, as ours runs it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    first, name = session.get_outputs()[0].name, session.get_inputs()[0].name
    session.run([first], {name: inputs[0]})
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        started = time.perf_counter()
        list(pool.map(lambda one: session.run([first], {name: one}), inputs))
        return time.perf_counter() - started


def peak_mb(count: int) -> float:
    command = [sys.executable, "-m", "benchmarks.cutouts.sides", str(count)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main(count: int) -> None:
    from etsy_assets.resources.imaging import shared_remover
    from etsy_assets_tests.imaging.three_stages import peak_mb as peak_of_this_process

    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.tar"
        write_archive(list(islice(cycle(rendered_jpegs(DISTINCT, LARGE)), count)), images, LARGE)
        cut_out_batch(images, Path(folder) / "cutouts.tar", shared_remover("demo"))
    print(peak_of_this_process())


if __name__ == "__main__":
    main(int(sys.argv[1]))
