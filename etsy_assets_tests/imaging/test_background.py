import os
import threading

import numpy as np
import pytest
from PIL import Image

from etsy_assets.demo.furniture import render, sample_furniture
from etsy_assets.errors import ConfigurationError
from etsy_assets.imaging.background import BackgroundRemover, MaskThresholds, foreground_share
from etsy_assets.imaging.validation import decode_image
from etsy_assets.resources.imaging import DEMO_MASK_NETWORK
from etsy_assets_tests.imaging.mask_network import write_mask_network
from etsy_assets_tests.imaging.pictures import dark_box_on_light, encoded, photo


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_mask_network(tmp_path_factory.mktemp("weights") / "dark.onnx", outputs=3)


@pytest.fixture(scope="module")
def remover(weights):
    return BackgroundRemover("u2net_custom", weights, threads=1)


def rembg_session(path):
    import rembg

    os.environ["U2NET_HOME"] = str(path.parent)
    try:
        return rembg.new_session("u2net_custom", model_path=str(path))
    finally:
        del os.environ["U2NET_HOME"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [(320, 320), (123, 457), (1000, 640)])
def test_the_mask_is_rembgs_own(remover, weights, seed, size):
    image = photo(seed, *size)
    assert_the_same_mask(remover.cut_out(image).mask, rembg_session(weights).predict(image)[0])


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_the_masks_of_the_demos_network_are_rembgs_own(provider):
    remover = BackgroundRemover("u2net_custom", DEMO_MASK_NETWORK, threads=1, provider=provider)
    for jpeg in rendered_jpegs(4, (794, 1000)):
        image = decode_image(jpeg).image
        assert_the_same_mask(remover.cut_out(image).mask, rembg_session(DEMO_MASK_NETWORK).predict(image)[0])


def rendered_jpegs(count: int, size: tuple[int, int]) -> list[bytes]:
    return [encoded(render(sample_furniture(900 + n), 0, *size).image, "JPEG", quality=90) for n in range(count)]


def assert_the_same_mask(ours: Image.Image, theirs: Image.Image) -> None:
    """As issue 4 bounds it: rounding may take a pixel to its neighbour, never to another opinion."""
    one, other = np.asarray(ours, np.float32), np.asarray(theirs, np.float32)
    assert np.abs(one - other).mean() <= 1
    kept, kept_by_theirs = one >= 128, other >= 128
    assert (kept & kept_by_theirs).sum() >= 0.995 * (kept | kept_by_theirs).sum()


def test_a_logit_output_gives_rembgs_mask_and_is_judged_as_a_probability(tmp_path):
    path = write_mask_network(tmp_path / "logits.onnx", logits=True)
    image = dark_box_on_light()
    cutout = BackgroundRemover("u2net_custom", path).cut_out(image)
    assert_the_same_mask(cutout.mask, rembg_session(path).predict(image)[0])
    assert cutout.fallback_reason is None
    shy = write_mask_network(tmp_path / "shy.onnx", logits=True, bias=-8.5)
    assert BackgroundRemover("u2net_custom", shy).cut_out(image).fallback_reason == "empty_mask"


def test_a_cutout_is_the_furniture_on_white(remover):
    image = dark_box_on_light()
    cutout = remover.cut_out(image)
    pixels, original = np.asarray(cutout.image), np.asarray(image)
    assert cutout.fallback_reason is None and cutout.image.mode == "RGB" and cutout.image.size == image.size
    assert (pixels[:30] == 255).all() and (pixels[:, :40] == 255).all()
    assert np.abs(pixels[60:100, 70:130].astype(int) - original[60:100, 70:130]).max() <= 3
    assert cutout.coverage == pytest.approx(0.25, abs=0.02)
    assert cutout.mask.size == image.size and cutout.mask.mode == "L"


def test_a_soft_edge_blends_into_white_and_not_into_black(remover):
    image = dark_box_on_light()
    pixels = np.asarray(remover.cut_out(image).image).astype(int)
    assert (pixels.min(axis=(0, 1)) >= np.asarray(image).min(axis=(0, 1))).all()


@pytest.mark.parametrize(
    ("image", "network", "reason"),
    [
        (Image.new("RGB", (150, 150), "white"), {}, "flat_mask"),
        (Image.new("RGB", (150, 150), "black"), {}, "flat_mask"),
        (photo(1).point(lambda level: 200 + level // 5), {"steepness": 0.5}, "empty_mask"),
        (dark_box_on_light(400, 400, (10, 10, 40, 40)), {}, "empty_mask"),
        (dark_box_on_light(box=(0, 0, 200, 158)), {}, "full_mask"),
        (photo(1), {"steepness": float("nan")}, "broken_mask"),
        (photo(1), {"steepness": float("inf"), "logits": True}, "broken_mask"),
    ],
    ids=["white", "black", "faint", "speck", "everything", "nan", "infinite"],
)
def test_a_mask_that_can_not_be_used_leaves_the_picture_uncut(tmp_path, image, network, reason, recwarn):
    remover = BackgroundRemover("u2net_custom", write_mask_network(tmp_path / "m.onnx", **network))
    cutout = remover.cut_out(image)
    assert cutout.fallback_reason == reason
    assert np.array_equal(np.asarray(cutout.image), np.asarray(image))
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


def test_the_thresholds_are_configurable(weights):
    picky = BackgroundRemover("u2net_custom", weights, MaskThresholds(max_coverage=0.2))
    assert picky.cut_out(dark_box_on_light()).fallback_reason == "full_mask"


def test_one_inference_is_run_for_a_picture_and_only_the_output_that_counts_is_fetched(weights):
    remover = BackgroundRemover("u2net_custom", weights)
    remover.cut_out(photo())
    recorder = remover._session._recorder
    inner, asked = recorder._inner, []

    class Counting:
        get_inputs = inner.get_inputs

        def run(self, names, feed):
            asked.append(names)
            return inner.run(names, feed)

    recorder._inner = Counting()
    remover.cut_out(photo(1))
    assert asked == [["mask"]]


def test_several_threads_share_one_remover(weights):
    remover = BackgroundRemover("u2net_custom", weights, threads=1)
    images = [photo(seed, 200, 150) for seed in range(8)]
    results: dict[int, bytes] = {}

    def cut(numbers):
        for number in numbers:
            results[number] = remover.cut_out(images[number]).image.tobytes()

    threads = [threading.Thread(target=cut, args=(range(start, 8, 4),)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = BackgroundRemover("u2net_custom", weights, threads=1)
    assert results == {number: alone.cut_out(image).image.tobytes() for number, image in enumerate(images)}


def test_weights_load_from_any_folder_and_the_environment_is_as_before(weights, monkeypatch, tmp_path):
    monkeypatch.setenv("REMBG_HOME", str(tmp_path))
    monkeypatch.delenv("U2NET_HOME", raising=False)
    before = dict(os.environ)
    BackgroundRemover("u2net_custom", weights).cut_out(photo())
    assert dict(os.environ) == before


def test_missing_weights_end_in_one_sentence_naming_them(tmp_path):
    remover = BackgroundRemover("u2net_custom", tmp_path / "none.onnx")
    for use in (lambda: remover.cut_out(photo()), lambda: remover.fingerprint):
        with pytest.raises(ConfigurationError, match=r"none\.onnx do not exist"):
            use()


def test_weights_that_are_no_network_end_in_one_sentence_naming_them(tmp_path, monkeypatch):
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    before = dict(os.environ)
    with pytest.raises(ConfigurationError, match=r"bad\.onnx .*sound ONNX file"):
        BackgroundRemover("u2net_custom", tmp_path / "bad.onnx").cut_out(photo())
    assert dict(os.environ) == before


def test_a_named_session_that_is_not_on_this_machine_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("REMBG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("U2NET_HOME", raising=False)
    with pytest.raises(ConfigurationError, match="rembg d birefnet-general"):
        BackgroundRemover("birefnet-general", download=False).cut_out(photo())


@pytest.mark.parametrize("name", ["u3net", "sam", "u2net_cloth_seg", "withoutbg", "atlascloud"])
def test_a_session_that_gives_no_foreground_mask_on_this_machine_is_refused(name):
    with pytest.raises(ConfigurationError, match="choose one of"):
        BackgroundRemover(name).cut_out(photo())


def test_the_fingerprint_tells_weights_and_thresholds_apart(tmp_path, weights):
    copy = tmp_path / "elsewhere.onnx"
    copy.write_bytes(weights.read_bytes())
    other = write_mask_network(tmp_path / "other.onnx", steepness=2)
    same = BackgroundRemover("u2net_custom", weights).fingerprint
    assert BackgroundRemover("u2net_custom", copy).fingerprint == same
    assert BackgroundRemover("u2net_custom", other).fingerprint != same
    assert BackgroundRemover("u2net_custom", weights, MaskThresholds(min_coverage=0.3)).fingerprint != same


def test_the_foreground_share_counts_pixels_at_a_half_or_over():
    mask = Image.fromarray(np.array([[0, 127], [128, 255]], np.uint8))
    assert foreground_share(mask) == 0.5
