"""`python -m benchmarks.embeddings.gpu [--json FILE]`: five encoders of full size over photos, on a GPU.

Against the obvious script on the same GPU (for each encoder decode, the library's transform, float32, batches of 32),
and against the forward passes alone, on tensors that lie in the machine's memory. Every vector must have a cosine of at
least 0.999 with the libraries' own float32 pipeline. The script is slow, so it is timed over a part of the photos.
"""

import io
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch
from PIL import Image

from benchmarks.embeddings.checkpoints import save_checkpoints
from benchmarks.embeddings.sides import Photos, embed, forward_passes, library_model
from benchmarks.photos import CDN_SIZE, LARGE, rendered_jpegs
from benchmarks.report import Report, at_least, at_most, machine
from benchmarks.rounds import medians
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import FULL_ENCODERS

LEAST_COSINE = 0.999
PHOTOS, OF_THE_SCRIPT, ROUNDS = 1024, 128, 3


def timed(work: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - started


@click.command(help=__doc__)
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the table here.")
def main(path: Path | None) -> None:
    if not torch.cuda.is_available():
        raise click.ClickException("torch sees no CUDA GPU here: run this on a machine that has one.")
    report = Report()
    report.note(f"{torch.cuda.get_device_name()}, {machine('torch', 'open_clip_torch', 'transformers')}")
    rendered = [jpeg for size in (LARGE, CDN_SIZE) for jpeg in rendered_jpegs(32, size)]
    jpegs = (rendered * (PHOTOS // len(rendered) + 1))[:PHOTOS]
    with TemporaryDirectory() as folder:
        weights = Path(folder)
        save_checkpoints(weights)
        encoders = {spec.name: load_encoder(spec, "cuda", weights_root=weights) for spec in FULL_ENCODERS}
        library = {spec.name: library_model(spec, weights / spec.name, "cuda") for spec in FULL_ENCODERS}
    photos, few = Photos.of(jpegs), jpegs[:OF_THE_SCRIPT]
    found = embed(Photos.of(rendered), encoders)
    cosines = {name: (found[name] * model.embed(rendered)).sum(axis=1).min() for name, model in library.items()}
    report.note("least cosine to float32: " + ", ".join(f"{name} {cosine:.5f}" for name, cosine in cosines.items()))
    for name, cosine in cosines.items():
        report.check(cosine >= LEAST_COSINE, f"{name}: a cosine of {cosine:.5f} to the library's own pipeline")
    images = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in rendered]
    times = PHOTOS // len(rendered)
    inputs = {
        name: torch.stack([encoder.preprocess(image) for image in images]).repeat(times, 1, 1, 1)
        for name, encoder in encoders.items()
    }
    torch.cuda.reset_peak_memory_stats()
    seconds = medians(
        {
            "ours": lambda: timed(lambda: embed(photos, encoders)) / len(jpegs),
            "script": lambda: timed(lambda: [model.embed(few) for model in library.values()]) / len(few),
            "passes": lambda: timed(lambda: forward_passes(inputs, encoders)) / (times * len(rendered)),
        },
        ROUNDS,
    )
    ms = {side: 1000 * each for side, each in seconds.items()}
    report.add(
        at_least(
            "five encoders",
            "the obvious script",
            ms["script"] / ms["ours"],
            1,
            f"{ms['ours']:.2f} ms an image for {ms['script']:.2f}",
        ),
        at_most(
            "five encoders",
            "forward passes alone",
            ms["ours"] / ms["passes"],
            10,
            f"{ms['ours']:.2f} ms an image, {ms['passes']:.2f} of them in the models",
        ),
    )
    report.note(f"most memory of the GPU: {torch.cuda.max_memory_allocated() / 1e9:.1f} GB, both sides' models in it")
    report.end(path)


if __name__ == "__main__":
    main()
