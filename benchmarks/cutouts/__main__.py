"""`python -m benchmarks.cutouts [--quick] [--json FILE]`: cutting photos out by U-2-Net at full size.

Against what a user would run instead, on the same ONNX file (random weights), photos of 1500 x 1200 and cores:

* `rembg p` on a folder: the time of many photos less that of a few, so that its start is left out;
* a loop of nothing but session.run: what is left for decoding, masks, JPEG and the archive;
* the most memory for 2,000 photos against 200.

Every mask must be rembg's: a mean difference of at most 1/255 of the range, and an intersection over union of at least
0.995 where it is at a half or over. By onnxruntime that is checked of U-2-Net, and by both of the demo's trained
network: random weights make of bfloat16's rounding, 0.4 % of a number, 23 % of the spread of the logits.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from benchmarks.cutouts import sides
from benchmarks.cutouts.u2net import SIDE, save_u2net
from benchmarks.photos import LARGE, rendered_jpegs
from benchmarks.report import Report, at_least, at_most, flat_memory, machine
from benchmarks.rounds import medians
from etsy_assets.imaging.cutouts import BackgroundRemover
from etsy_assets.imaging.providers import MaskProvider
from etsy_assets.resources.imaging import DEMO_MASK_NETWORK

FEW = 4
PROVIDERS: dict[str, MaskProvider] = {"onnxruntime": "cpu", "OpenVINO": "openvino"}
MOST_DIFFERENCE, LEAST_IOU = 1.0, 0.995
# ImageNet's, by which U-2-Net was trained.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def network_input(image: Image.Image) -> npt.NDArray[np.float32]:
    """float32 (1, 3, 320, 320)."""
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float32) / 255
    normalised = (pixels - np.array(_MEAN, np.float32)) / np.array(_DEVIATION, np.float32)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])


def compare_masks(
    report: Report, name: str, remover: BackgroundRemover, images: Sequence[Image.Image], theirs: Path
) -> None:
    differences, overlaps = [], []
    for image, expected in zip(images, sides.rembg_masks(theirs), strict=True):
        mask = np.asarray(remover.cut_out(image).mask)
        differences.append(float(np.abs(mask.astype(int) - expected).mean()))
        ours, rembgs = mask >= 128, expected >= 128
        overlaps.append(float((ours & rembgs).sum() / max(1, (ours | rembgs).sum())))
    report.note(
        f"masks by {name} against rembg's: mean difference at most {max(differences):.4f} of 255, "
        f"intersection over union at least {min(overlaps):.5f}"
    )
    report.check(max(differences) <= MOST_DIFFERENCE, f"a mask by {name} differs by {max(differences):.3f} of 255")
    report.check(min(overlaps) >= LEAST_IOU, f"a mask by {name} overlaps rembg's by {min(overlaps):.4f} only")


def against_rembg(report: Report, network: Path, jpegs: Sequence[bytes], rounds: int, folder: Path) -> None:
    photos = [Image.open(io.BytesIO(data)).convert("RGB") for data in jpegs]
    inputs = [network_input(photo) for photo in photos]
    images = folder / "images.tar"
    # Twice, so that a batch's end has no more part in the time of an image than it has of a batch of hundreds.
    in_archive = [*jpegs, *jpegs]
    sides.write_archive(in_archive, images, LARGE)
    sides.write_folder(jpegs, folder / "many")
    sides.write_folder(jpegs[:FEW], folder / "few")
    # As the resource opens it: one thread an inference, one picture in hand on each core.
    removers = {
        name: BackgroundRemover("u2net_custom", network, provider=provider, threads=1)
        for name, provider in PROVIDERS.items()
    }
    sides.rembg(folder / "many", network, folder / "cut")
    compare_masks(report, "onnxruntime of U-2-Net", removers["onnxruntime"], photos, folder / "cut")
    sides.rembg(folder / "many", DEMO_MASK_NETWORK, folder / "cut by the demo")
    for name, provider in PROVIDERS.items():
        of_demo = BackgroundRemover("u2net_custom", DEMO_MASK_NETWORK, provider=provider, threads=1)
        compare_masks(report, f"{name} of the demo's network", of_demo, photos, folder / "cut by the demo")
    del photos

    def rembg() -> float:
        with TemporaryDirectory(dir=folder) as made:
            many, few = (sides.rembg(folder / part, network, Path(made) / part) for part in ("many", "few"))
        return (many - few) / (len(jpegs) - FEW)

    seconds = medians(
        {
            "onnxruntime": lambda: sides.ours(images, removers["onnxruntime"]) / len(in_archive),
            "OpenVINO": lambda: sides.ours(images, removers["OpenVINO"]) / len(in_archive),
            "rembg": rembg,
            "loop": lambda: sides.inference_loop(network, inputs) / len(jpegs),
        },
        rounds,
    )
    for name, bar in (("onnxruntime", 1.4), ("OpenVINO", 4)):
        measured = f"{seconds[name] * 1e3:.0f} ms an image for {seconds['rembg'] * 1e3:.0f}"
        report.add(at_least(f"cutouts by {name}", "rembg p", seconds["rembg"] / seconds[name], bar, measured))
    report.add(
        at_most(
            "cutouts by onnxruntime, share outside inference",
            "a loop of session.run",
            1 - seconds["loop"] / seconds["onnxruntime"],
            0.08,
            f"{seconds['onnxruntime'] * 1e3:.0f} ms an image, {seconds['loop'] * 1e3:.0f} of them in the network",
        )
    )


def memory(report: Report, few: int, many: int) -> None:
    report.add(flat_memory("photos", {count: sides.peak_mb(count) for count in (few, many)}, ", the demo's network"))


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="Fewer photos, and one round.")
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the table here.")
def main(quick: bool, path: Path | None) -> None:
    report = Report()
    report.note(machine("rembg", "onnxruntime", "openvino"))
    jpegs = rendered_jpegs(8 if quick else 16, LARGE)
    report.note(f"{len(jpegs)} photos of {LARGE[0]} x {LARGE[1]}, {sum(map(len, jpegs)) // len(jpegs) // 1000} kB each")
    with TemporaryDirectory() as name:
        folder = Path(name)
        network = folder / "u2net.onnx"
        pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in jpegs[:FEW]]
        save_u2net(network, torch.from_numpy(np.concatenate([network_input(picture) for picture in pictures])))
        memory(report, 200, 400 if quick else 2000)
        against_rembg(report, network, jpegs, 1 if quick else 5, folder)
    report.end(path)


if __name__ == "__main__":
    main()
