"""CPU seconds an image of clip-retrieval's inference and of ours, on the same checkpoint of ViT-B-32."""

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.embeddings.sides import Rows
from benchmarks.peers import peer

REQUIREMENTS = ["clip-retrieval==2.45.0", "setuptools<81"]
"""Its tracking of experiments needs pkg_resources, which later setuptools lack."""
CLIP = "clip_vitb32"


def write_photos(jpegs: Sequence[bytes], folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, data in enumerate(jpegs):
        (folder / f"{number:05d}.jpg").write_bytes(data)


def theirs(photos: Path, checkpoint: Path, output: Path) -> tuple[float, Rows]:
    """CPU seconds of the process, and the vectors in the order of the photos' names."""
    # all_clip takes what follows the first slash as open_clip's `pretrained`, which may be a file.
    arguments = {
        "input_dataset": photos,
        "output_folder": output,
        "clip_model": f"open_clip:ViT-B-32/{checkpoint}",
        "enable_text": False,
        "num_prepro_workers": len(os.sched_getaffinity(0)),
        "batch_size": 64,
    }
    command = [peer("clip-retrieval", REQUIREMENTS) / "clip-retrieval", "inference"]
    seconds = _cpu_seconds([*map(str, command), *(f"--{name}={value}" for name, value in arguments.items())])
    vectors = np.concatenate([np.load(path) for path in sorted(output.glob("img_emb/*.npy"))])
    return seconds, vectors.astype(np.float32)


def ours(photos: Path, weights: Path, output: Path) -> tuple[float, Rows]:
    """The same of `embed_batch`, in a process of its own too."""
    seconds = _cpu_seconds(
        [sys.executable, "-m", "benchmarks.embeddings.clip_retrieval", *map(str, (photos, weights, output))]
    )
    return seconds, np.load(output)


def _cpu_seconds(command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(photos: str, weights: str, output: str) -> None:
    from benchmarks.embeddings.sides import Photos, embed
    from etsy_assets.encoders.loading import load_encoder
    from etsy_assets.encoders.registry import find_encoder

    encoder = load_encoder(find_encoder(CLIP), weights_root=Path(weights))
    jpegs = [path.read_bytes() for path in sorted(Path(photos).glob("*.jpg"))]
    np.save(output, embed(Photos.of(jpegs), {CLIP: encoder})[CLIP])


if __name__ == "__main__":
    main(*sys.argv[1:])
