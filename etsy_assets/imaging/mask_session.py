"""One rembg session, opened from weights that may lie anywhere, that also tells what the network itself put out."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from etsy_assets.errors import ConfigurationError
from etsy_assets.imaging.mask_recipe import full_mask, learn_recipe, small_mask
from etsy_assets.imaging.openvino_network import OpenVinoNetwork
from etsy_assets.imaging.providers import MaskProvider, onnxruntime_providers

logger = logging.getLogger(__name__)

# rembg finds weights through these, for the whole process: one session is opened at a time.
_HOME_VARIABLES = ("U2NET_HOME", "REMBG_HOME")
_opening = threading.Lock()
# Sessions whose output is no single foreground mask: one wants prompts, one gives a mask per kind of garment.
_OTHER_TASKS = frozenset({"sam", "u2net_cloth_seg"})


@dataclass(frozen=True, slots=True)
class Prediction:
    """mask: rembg's, "L", of the image's size. small: the same as the network gives it, None where the session makes
    its mask in another way. probability: the network's of foreground, float32 (h, w), unstretched.

    The masks of a constant output are undefined: rembg divides by zero there.
    """

    mask: Image.Image
    small: Image.Image | None
    probability: NDArray[np.float32]


class MaskSession:
    """rembg's mask of a picture, by its own `predict` or by the same steps with less waste. Safe in several threads."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._recipe = learn_recipe(session)
        self._input_name = session.inner_session.get_inputs()[0].name
        self._recorder = _OutputRecorder(session.inner_session)
        session.inner_session = self._recorder

    def predict(self, image: Image.Image) -> Prediction:
        if self._recipe is not None:
            output = self._recorder.run(None, {self._input_name: self._recipe.inputs(image)})[0]
            small = small_mask(self._recipe.probability(output))
            return Prediction(full_mask(small, image.size), small, _probability(output))
        with np.errstate(divide="ignore", invalid="ignore"):
            mask: Image.Image = self._session.predict(image)[0]
        return Prediction(mask, None, _probability(self._recorder.last_output()))


class _OutputRecorder:
    """Stands in for the onnxruntime session inside a rembg session and keeps what it returned, per thread.

    rembg's `predict` reads output 0 only; u2net has seven, so the others are not asked for.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._first_output = [inner.get_outputs()[0].name]
        self._local = threading.local()

    def run(self, _names: object, feed: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        outputs: list[NDArray[np.float32]] = self._inner.run(self._first_output, feed)
        self._local.output = outputs[0]
        return outputs

    def last_output(self) -> NDArray[np.float32]:
        output: NDArray[np.float32] = self._local.output
        return output

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _probability(output: NDArray[np.float32]) -> NDArray[np.float32]:
    raw = np.asarray(output[0, 0], dtype=np.float32)
    raw = np.where(np.isfinite(raw), raw, np.float32(np.nan))
    if raw.size and (raw.min() < 0 or raw.max() > 1):  # The BiRefNet sessions put out logits, the others probabilities.
        raw = 1 / (1 + np.exp(-raw.clip(-60, 60)))
    return raw


def open_session(
    name: str, model_path: Path | None, provider: MaskProvider, threads: int | None, download: bool
) -> MaskSession:
    """Opens a rembg session by name, or `u2net_custom` and its like from `model_path`.

    threads: of one inference by onnxruntime, None for all cores.

    Raises ConfigurationError, saying what to do, when the name or the weights are not to be had.
    """
    require_weights(model_path)
    with _opening:
        import onnxruntime
        import rembg
        from rembg.sessions import sessions_class

        known = {cls.name(): cls for cls in sessions_class if cls.name() not in _OTHER_TASKS and _is_local(cls)}
        if name not in known:
            raise ConfigurationError(f"There is no background removal session {name!r}: choose one of {sorted(known)}.")
        session_options = onnxruntime.SessionOptions()
        if threads is not None:
            session_options.intra_op_num_threads = threads
        arguments: dict[str, Any] = {} if model_path is None else {"model_path": str(model_path.absolute())}
        if (providers := onnxruntime_providers(provider)) is not None:
            arguments["providers"] = providers
        if model_path is None and not download:
            _require_downloaded(known[name])
        try:
            with _rembg_home(model_path):
                session = rembg.new_session(name, sess_opts=session_options, **arguments)
            if provider == "openvino":
                path = model_path or known[name].resolve_existing(f"{name}.onnx")
                session.inner_session = OpenVinoNetwork(Path(path), session.inner_session)
            return MaskSession(session)
        except ConfigurationError:
            raise
        except Exception as error:  # pooch, requests and onnxruntime each have their own, with no common base.
            where = model_path if model_path is not None else known[name].rembg_home()
            raise ConfigurationError(
                f"Background removal {name!r} can't be loaded from {where} ({type(error).__name__}: {error}): "
                f"{_remedy(name, model_path)}"
            ) from error


def require_weights(model_path: Path | None) -> None:
    """Raises ConfigurationError when a weights file is named and does not exist."""
    if model_path is not None and not model_path.is_file():
        raise ConfigurationError(
            f"The background removal weights {model_path} do not exist: set the path of an ONNX file, or install the "
            "package again if they are the ones it ships."
        )


def _is_local(session_class: Any) -> bool:
    # Older rembg versions have no remote sessions and no such question.
    return bool(getattr(session_class, "is_local", lambda: True)())


def _require_downloaded(session_class: Any) -> None:
    name = session_class.name()
    if session_class.resolve_existing(f"{name}.onnx") is None:
        home = session_class.rembg_home()
        raise ConfigurationError(
            f"The weights of background removal {name!r} are not under {home}: {_remedy(name, None)}"
        )


def _remedy(name: str, model_path: Path | None) -> str:
    if model_path is not None:
        return "put a sound ONNX file there."
    return f"run `rembg d {name}` where there is a network, or set REMBG_HOME to a folder that has them."


@contextmanager
def _rembg_home(model_path: Path | None) -> Iterator[None]:
    """rembg refuses weights outside its home, so the weights' own folder is its home while the session is opened."""
    if model_path is None:
        yield
        return
    before = {name: os.environ.get(name) for name in _HOME_VARIABLES}
    os.environ.update(dict.fromkeys(_HOME_VARIABLES, str(model_path.absolute().parent)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
