"""Where the models run and in which number format: chosen from what the machine can do, or as configured."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from etsy_assets.encoders.registry import Precision
from etsy_assets.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

Device = Literal["cpu", "cuda", "mps"]

DEVICES = ("auto", "cuda", "mps", "cpu")
PRECISIONS = ("auto", "float32", "bfloat16")

log = logging.getLogger(__name__)


def choose_device(device: str = "auto") -> Device:
    """The device to run on: as asked, or with "auto" the first there is of cuda, mps, cpu.

    Raises ConfigurationError when the one asked for is not there: running 50 times slower in silence would be worse.
    """
    import torch

    available: dict[Device, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    for name, is_there in available.items():
        if device in ("auto", name) and is_there:
            return name
    if device not in DEVICES:
        raise ConfigurationError(f"There is no device '{device}': choose one of {', '.join(DEVICES)}.")
    raise ConfigurationError(
        f"The device '{device}' was asked for, but this machine's torch {torch.__version__} finds none: "
        "set the device to 'auto' or 'cpu', or install a driver and a torch build for it."
    )


def choose_precision(precision: str, device: Device, pinned: Precision | None = None) -> Precision:
    """The number format of a model's weights: as asked, or with "auto" the pinned one, or else bfloat16 where the
    hardware multiplies it natively (a quarter to a half of float32's time, cosine to float32 >= 0.9999).

    Weights are converted, autocast is never used: on a CPU it copies a weight for every token.
    """
    if precision not in PRECISIONS:
        raise ConfigurationError(f"There is no precision '{precision}': choose one of {', '.join(PRECISIONS)}.")
    if precision == "bfloat16":
        return "bfloat16"
    if precision == "float32":
        return "float32"
    if pinned is not None:
        return pinned
    return "bfloat16" if has_fast_bfloat16(device) else "float32"


def has_fast_bfloat16(device: Device) -> bool:
    """Whether the device multiplies bfloat16 in hardware: AMX or AVX512-BF16 on a CPU, Ampere or newer on CUDA."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device == "mps":
        return False
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    if any(getattr(torch.cpu, probe, lambda: False)() for probe in probes):
        return True
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    return "amx_bf16" in flags or "avx512_bf16" in flags


def torch_dtype(precision: Precision) -> "torch.dtype":
    import torch

    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def limit_threads(threads: int | None) -> None:
    """Sets how many threads torch computes with in this whole process; None leaves torch's own choice (all cores)."""
    if threads is None:
        return
    if threads < 1:
        raise ConfigurationError(f"torch can't compute with {threads} threads: set at least 1.")
    import torch

    torch.set_num_threads(threads)
    log.info("torch computes with %d threads", threads)
