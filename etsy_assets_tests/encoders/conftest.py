"""Small checkpoints of the real model classes, saved as the demo's are, and batches of cutouts in real archives."""

from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from etsy_assets.encoders.base import Encoder
from etsy_assets.encoders.loading import load_encoder
from etsy_assets.encoders.registry import find_encoder
from etsy_assets.encoders.weights import WEIGHTS_VARIABLE
from etsy_assets_tests.encoders.checkpoints import save_small_checkpoints


@pytest.fixture(autouse=True, scope="package")
def offline():
    """No test of this folder may reach the hub, or see weights that a developer keeps."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
        yield


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """These models are too small to share out, and the threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def weights_root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("weights")
    save_small_checkpoints(root)
    return root


@pytest.fixture(scope="package")
def encoders(weights_root) -> dict[str, Encoder]:
    """Three small encoders, one of each model class that the demo has."""
    names = ("demo_clip_a", "demo_dinov2_a", "demo_dinov3")
    return {name: load_encoder(find_encoder(name), "cpu", weights_root=weights_root) for name in names}
