"""200 malformed, hostile or odd images in one batch: each ends as odd_images.py says, in a bounded memory."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pytest

from etsy_assets.catalog.records import ImageRecord
from etsy_assets.encoders.embeddings import read_embeddings
from etsy_assets.imaging.archive import ImageArchive
from etsy_assets.imaging.validation import ImageLimits, decode_image
from etsy_assets.storage import Home
from etsy_assets_tests.imaging.image_server import Answer, running_image_server
from etsy_assets_tests.imaging.mask_network import write_mask_network
from etsy_assets_tests.imaging.odd_images import OddImage, odd_images
from etsy_assets_tests.imaging.three_stages import BATCH, ENCODERS

FIRST_ID = 5_000_000_000
MEMORY_MB = 1_500
ANY_SIZE = ImageLimits(min_side=1, max_pixels=2**31, stub_bytes=0)


@dataclass(frozen=True)
class Survived:
    """odd: by image id. outcomes: (status, code of the reason) by image id and stage."""

    home: Home
    odd: dict[int, OddImage]
    outcomes: dict[tuple[int, str], tuple[str, str | None]]
    peak_mb: dict[str, int]


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survived]:
    home = Home(tmp_path_factory.mktemp("hostile"))
    network = write_mask_network(home.root / "dark.onnx")
    odd = {FIRST_ID + number: image for number, image in enumerate(odd_images())}
    with running_image_server() as server:
        for image_id, image in odd.items():
            server.serve(f"/{image_id}.jpg", Answer(body=image.data, headers=image.headers))
        records = [ImageRecord(n // 10, n, None, f"{server.url}/{n}.jpg", 1, "hex", "suffix") for n in odd]
        done = subprocess.run(
            [sys.executable, "-m", "etsy_assets_tests.imaging.three_stages", str(home.root), str(network)],
            input=json.dumps([asdict(record) for record in records]),
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    told = json.loads(done.stdout)
    outcomes = {
        (image_id, stage): (status, reason.partition(":")[0] if reason else None)
        for image_id, stage, status, reason in told["outcomes"]
    }
    yield Survived(home, odd, outcomes, told["peak_mb"])


def test_there_are_200_of_them(survived: Survived) -> None:
    assert len({image.name for image in survived.odd.values()}) == len(survived.odd) == 200


def differing(survived: Survived, stage: str, expected: dict[int, tuple[str, str | None]]) -> dict[str, object]:
    """By name, what an image came to and what it should have come to, where that is not the same."""
    found = {image_id: outcome for (image_id, of_stage), outcome in survived.outcomes.items() if of_stage == stage}
    return {
        survived.odd[image_id].name: (found.get(image_id), expected.get(image_id))
        for image_id in survived.odd
        if found.get(image_id) != expected.get(image_id)
    }


def test_each_is_downloaded_or_refused_for_the_right_reason(survived: Survived) -> None:
    expected = {
        image_id: ("failed", image.fails) if image.fails else ("ok", None) for image_id, image in survived.odd.items()
    }
    assert differing(survived, "download", expected) == {}


def test_each_that_has_a_picture_is_cut_out_or_kept_whole(survived: Survived) -> None:
    expected = {
        image_id: ("fallback", image.uncut) if image.uncut else ("ok", None)
        for image_id, image in survived.odd.items()
        if not image.fails
    }
    assert differing(survived, "cutout", expected) == {}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_each_that_has_a_picture_has_a_vector_unless_it_is_too_thin(survived: Survived, encoder: str) -> None:
    expected = {
        image_id: ("failed", image.unembedded) if image.unembedded else ("ok", None)
        for image_id, image in survived.odd.items()
        if not image.fails
    }
    assert differing(survived, f"embed/{encoder}", expected) == {}
    stored = read_embeddings(survived.home.embeddings(encoder, BATCH))
    assert sorted(stored.image_ids) == sorted(n for n, (status, _) in expected.items() if status == "ok")


def test_the_good_ones_are_all_there_upright_and_whole(survived: Survived) -> None:
    wrong = {}
    with ImageArchive.open(survived.home.images(BATCH)) as archive:
        for entry in archive.ok_entries():
            image = survived.odd[entry.image_id]
            picture = decode_image(archive.read(entry), ANY_SIZE).image
            if picture.size != image.size or (entry.width, entry.height) != image.size:
                wrong[image.name] = picture.size
            elif image.box is not None and not shows_the_box(np.asarray(picture.resize((64, 64))), image.box):
                wrong[image.name] = "another picture"
    assert wrong == {}


def shows_the_box(pixels: np.ndarray, box: tuple[float, float, float, float]) -> bool:
    """pixels: uint8 (64, 64, 3). The edges are left out: they are blurred by scaling."""
    left, top, right, bottom = (round(64 * share) for share in box)
    inside = np.zeros((64, 64), bool)
    inside[top + 3 : bottom - 3, left + 3 : right - 3] = True
    outside = np.ones((64, 64), bool)
    outside[top - 3 : bottom + 3, left - 3 : right + 3] = False
    return bool(pixels[inside].max() < 120 and pixels[outside].min() > 170)


def test_the_memory_stays_bounded_whatever_is_sent(survived: Survived) -> None:
    assert survived.peak_mb["embeddings"] < MEMORY_MB, survived.peak_mb
