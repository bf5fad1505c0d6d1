"""`python -m benchmarks.embeddings [--quick] [--json FILE]`: five encoders of full size over photos.

Against what a user would run instead, on the same random weights and photos of 1500 x 1200 and 794 x 1000:

* the obvious script: for each encoder decode, the library's transform, float32 under inference_mode, batches of 32;
* the forward passes alone, on tensors that are ready: what is left for decoding, preprocessing and files;
* `clip-retrieval inference` of ViT-B-32, by CPU seconds an image, start and loading left out;
* the most memory for 2,000 photos against 200.

Every vector must have a cosine of at least 0.999 with the libraries' own float32 pipeline.
"""

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch
from PIL import Image

from benchmarks.embeddings import clip_retrieval
from benchmarks.embeddings.checkpoints import CLIP_CHECKPOINT, save_checkpoints
from benchmarks.embeddings.memory import peak_mb
from benchmarks.embeddings.sides import Photos, embed, forward_passes, library_model
from benchmarks.photos import CDN_SIZE, LARGE, rendered_jpegs
from benchmarks.report import Report, at_least, at_most, flat_memory, machine
from benchmarks.rounds import medians
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import FULL_ENCODERS

LEAST_COSINE = 0.999


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def five_encoders(report: Report, weights: Path, jpegs: Sequence[bytes], rounds: int) -> None:
    encoders = {spec.name: load_encoder(spec, weights_root=weights) for spec in FULL_ENCODERS}
    library = {spec.name: library_model(spec, weights / spec.name) for spec in FULL_ENCODERS}
    photos = Photos.of(jpegs)
    embedded = embed(photos, encoders)
    cosines = {name: (embedded[name] * model.embed(jpegs)).sum(axis=1).min() for name, model in library.items()}
    report.note("least cosine to float32: " + ", ".join(f"{name} {cosine:.5f}" for name, cosine in cosines.items()))
    for name, cosine in cosines.items():
        report.check(cosine >= LEAST_COSINE, f"{name}: a cosine of {cosine:.5f} to the library's own pipeline")

    images = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in jpegs]
    inputs = {name: torch.stack([encoder.preprocess(image) for image in images]) for name, encoder in encoders.items()}
    del images

    def library_passes() -> None:
        with torch.inference_mode():
            for name, model in library.items():
                model.features(inputs[name])

    seconds = medians(
        {
            "ours": lambda: timed(lambda: embed(photos, encoders)),
            "script": lambda: timed(lambda: [model.embed(jpegs) for model in library.values()]),
            "passes": lambda: timed(lambda: forward_passes(inputs, encoders)),
            "library passes": lambda: timed(library_passes),
        },
        rounds,
    )
    of_one = {side: total / len(jpegs) for side, total in seconds.items()}
    precision = encoders["clip_vitl14"].precision
    report.add(
        at_least(
            "five encoders",
            "the obvious script",
            seconds["script"] / seconds["ours"],
            3.8,
            f"{of_one['ours']:.3f} s an image for {of_one['script']:.3f}",
        ),
        at_most(
            "five encoders, share outside the forward passes",
            "forward passes alone",
            1 - seconds["passes"] / seconds["ours"],
            0.08,
            f"{of_one['ours']:.3f} s an image, {of_one['passes']:.3f} of them in the models",
        ),
    )
    gain = seconds["library passes"] / seconds["passes"]
    report.note(
        f"forward passes alone, which the processor's arithmetic limits: {of_one['passes']:.3f} s an image in "
        f"{precision} for {of_one['library passes']:.3f} in float32, {gain:.2f} times as fast"
    )


def against_clip_retrieval(
    report: Report, weights: Path, few: Sequence[bytes], many: Sequence[bytes], rounds: int, folder: Path
) -> None:
    """CPU seconds of a run over many photos less those of one over few."""
    clip_retrieval.write_photos(few, folder / "few")
    clip_retrieval.write_photos(many, folder / "many")
    checkpoint = weights / clip_retrieval.CLIP / CLIP_CHECKPOINT
    made = {}

    def difference(side: str, run: Callable[[Path, Path], tuple[float, object]]) -> float:
        seconds = []
        for photos in ("few", "many"):
            with TemporaryDirectory(dir=folder) as output:
                cost, made[side] = run(folder / photos, Path(output) / "made")
            seconds.append(cost)
        return (seconds[1] - seconds[0]) / (len(many) - len(few))

    costs = medians(
        {
            "ours": lambda: difference(
                "ours", lambda photos, output: clip_retrieval.ours(photos, weights, output.with_suffix(".npy"))
            ),
            "theirs": lambda: difference(
                "theirs", lambda photos, output: clip_retrieval.theirs(photos, checkpoint, output)
            ),
        },
        rounds,
    )
    cosine = (made["ours"] * made["theirs"]).sum(axis=1).min()
    report.check(cosine >= LEAST_COSINE, f"a cosine of {cosine:.5f} to clip-retrieval's vectors")
    report.add(
        at_least(
            "ViT-B-32, images per CPU second",
            "clip-retrieval inference",
            costs["theirs"] / costs["ours"],
            4,
            f"{costs['ours'] * 1e3:.0f} CPU ms an image for {costs['theirs'] * 1e3:.0f}",
        )
    )


def memory(report: Report, few: int, many: int) -> None:
    report.add(flat_memory("photos", {count: peak_mb(count) for count in (few, many)}))


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="Fewer photos, and one round.")
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the table here.")
def main(quick: bool, path: Path | None) -> None:
    report = Report()
    report.note(machine("torch", "open_clip_torch", "transformers"))
    count, rounds = (6, 1) if quick else (16, 5)
    large, small = (rendered_jpegs(count // 2, size) for size in (LARGE, CDN_SIZE))
    jpegs = [jpeg for pair in zip(large, small, strict=True) for jpeg in pair]
    with TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "weights"
        save_checkpoints(weights)
        memory(report, 200, 400 if quick else 2000)
        many = jpegs * (64 // count if quick else 8)
        against_clip_retrieval(report, weights, jpegs[:4], many, rounds, folder)
        five_encoders(report, weights, jpegs, rounds)
    report.end(path)


if __name__ == "__main__":
    main()
