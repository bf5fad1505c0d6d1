"""What runs a segmentation network: chosen by name, and refused where this machine does not have it."""

from typing import Literal, get_args

from etsy_assets.errors import ConfigurationError

MaskProvider = Literal["auto", "cpu", "cuda", "coreml", "openvino"]

_ONNXRUNTIME = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "coreml": "CoreMLExecutionProvider"}
_PACKAGES = {"cuda": "onnxruntime-gpu in place of onnxruntime", "coreml": "onnxruntime on a Mac", "cpu": "onnxruntime"}


def mask_provider(name: str) -> MaskProvider:
    """Raises ConfigurationError for a name that there is not."""
    for known in get_args(MaskProvider):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise ConfigurationError(
        f'ETSY_ASSETS_MASK_PROVIDER is "{name}": set it to one of {", ".join(get_args(MaskProvider))}.'
    )


def onnxruntime_providers(provider: MaskProvider) -> list[str] | None:
    """For onnxruntime, best first; None for rembg's own choice. Raises ConfigurationError when it is not there.

    onnxruntime itself would fall back to the CPU with a warning, and take 50 times as long.
    """
    if provider == "auto":
        return None
    if provider == "openvino":  # The session that it replaces.
        return [_ONNXRUNTIME["cpu"]]
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if _ONNXRUNTIME[provider] not in available:
        raise ConfigurationError(
            f'Background removal on "{provider}" was asked for, and this machine\'s onnxruntime has '
            f'{", ".join(available)} only: install {_PACKAGES[provider]}, or set ETSY_ASSETS_MASK_PROVIDER to "auto".'
        )
    return list(dict.fromkeys([_ONNXRUNTIME[provider], _ONNXRUNTIME["cpu"]]))
