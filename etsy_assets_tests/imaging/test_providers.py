import sys

import numpy as np
import pytest

from etsy_assets.errors import ConfigurationError
from etsy_assets.imaging.background import BackgroundRemover
from etsy_assets.imaging.providers import mask_provider, onnxruntime_providers
from etsy_assets_tests.imaging.mask_network import write_mask_network
from etsy_assets_tests.imaging.pictures import dark_box_on_light


def test_an_unknown_provider_is_refused_with_those_there_are():
    with pytest.raises(ConfigurationError, match="auto, cpu, cuda, coreml, openvino"):
        mask_provider("tpu")


@pytest.mark.parametrize("name", ["cuda", "coreml"])
def test_a_provider_that_this_machine_lacks_is_refused_and_not_replaced_by_the_cpu(name, tmp_path):
    remover = BackgroundRemover("u2net_custom", write_mask_network(tmp_path / "dark.onnx"), provider=name)
    with pytest.raises(ConfigurationError, match=f'"{name}" was asked for'):
        remover.cut_out(dark_box_on_light())


def test_a_gpu_comes_before_the_cpu(monkeypatch):
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    assert onnxruntime_providers("cuda") == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert onnxruntime_providers("auto") is None


def test_openvino_makes_the_same_cutout(tmp_path):
    path = write_mask_network(tmp_path / "dark.onnx", outputs=3)
    ours, usual = (
        BackgroundRemover("u2net_custom", path, provider=name).cut_out(dark_box_on_light())
        for name in ("openvino", "cpu")
    )
    assert (ours.fallback_reason, ours.coverage) == (None, pytest.approx(usual.coverage, abs=0.002))
    assert np.abs(np.asarray(ours.mask, np.int16) - np.asarray(usual.mask, np.int16)).mean() <= 1


def test_openvino_that_is_not_installed_is_refused_with_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    remover = BackgroundRemover("u2net_custom", write_mask_network(tmp_path / "dark.onnx"), provider="openvino")
    with pytest.raises(ConfigurationError, match=r"pip install \"etsy-assets\[openvino\]\""):
        remover.cut_out(dark_box_on_light())
