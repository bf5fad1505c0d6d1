"""A segmentation network run by OpenVINO in place of onnxruntime: in bfloat16 where the processor multiplies that."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etsy_assets.errors import ConfigurationError


class OpenVinoNetwork:
    """Takes an onnxruntime session's place inside a rembg session. Several threads run it at once, each on a core."""

    def __init__(self, path: Path, onnxruntime_session: Any) -> None:
        """path: of the ONNX file. Raises ConfigurationError when the extra is not installed."""
        try:
            import openvino
        except ImportError as error:
            raise ConfigurationError(
                "Background removal by OpenVINO was asked for and openvino is not installed: run "
                '`pip install "etsy-assets[openvino]"`, or set ETSY_ASSETS_MASK_PROVIDER to "auto".'
            ) from error
        core = openvino.Core()
        self.precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
        options = {"INFERENCE_PRECISION_HINT": self.precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        self._model = core.compile_model(core.read_model(path), "CPU", options)
        self._output = self._model.output(0)
        self._session = onnxruntime_session
        self._local = threading.local()

    def run(self, _names: object, feed: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """The first output, whatever is asked for: rembg uses no other."""
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        (inputs,) = feed.values()
        return [np.array(self._local.request.infer({0: inputs})[self._output])]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)
