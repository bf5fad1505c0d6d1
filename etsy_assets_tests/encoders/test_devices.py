import pytest
import torch

from etsy_assets.encoders.devices import choose_device, choose_precision, has_fast_bfloat16, limit_threads
from etsy_assets.errors import ConfigurationError


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_asking_for_a_gpu_that_is_not_there_is_an_error_not_a_slow_run():
    with pytest.raises(ConfigurationError, match=r"'cuda' was asked for.*set the device to 'auto' or 'cpu'"):
        choose_device("cuda")


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="this machine has a GPU")
def test_auto_falls_back_to_the_cpu():
    assert choose_device("auto") == "cpu"


def test_an_unknown_device_or_precision_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigurationError, match="no device 'tpu': choose one of auto, cuda, mps, cpu"):
        choose_device("tpu")
    with pytest.raises(ConfigurationError, match="no precision 'fp16': choose one of auto, float32, bfloat16"):
        choose_precision("fp16", "cpu")


def test_a_precision_asked_for_beats_the_pinned_one_and_that_beats_the_hardwares():
    hardware = "bfloat16" if has_fast_bfloat16("cpu") else "float32"
    assert choose_precision("auto", "cpu") == hardware
    assert choose_precision("auto", "cpu", pinned="float32") == "float32"
    assert choose_precision("bfloat16", "cpu", pinned="float32") == "bfloat16"
    assert choose_precision("float32", "cpu", pinned="bfloat16") == "float32"


def test_metal_stays_in_float32():
    assert choose_precision("auto", "mps") == "float32"


def test_threads_are_set_for_torch():
    before = torch.get_num_threads()
    try:
        limit_threads(1)
        assert torch.get_num_threads() == 1
        limit_threads(None)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_no_threads_at_all_is_refused():
    with pytest.raises(ConfigurationError, match="at least 1"):
        limit_threads(0)
