"""Where a run computes, at which precision, with how many threads."""

from __future__ import annotations

import os
import warnings
from contextlib import AbstractContextManager, nullcontext

import torch

from an_cli.config.schema import Device, Precision, RecipeConfig
from an_cli.errors import LaunchError


def pick_device(wanted: Device, precision: Precision, *, local_rank: int = 0) -> torch.device:
    """The device of this process; on a GPU machine the one of its local rank.

    Raises:
        LaunchError: no GPU where one is asked for, or a device without the recipe's precision.
    """
    gpu, why_not = _gpu()
    if wanted is Device.CUDA and not gpu:
        what = f"no GPU is visible{f': {why_not}' if why_not else ''}"
        raise LaunchError(what, where="launch.device=cuda", now="ask for one, or set launch.device=cpu")
    device = torch.device("cuda", local_rank) if gpu and wanted is not Device.CPU else torch.device("cpu")
    if device.type == "cuda" and local_rank >= torch.cuda.device_count():
        raise LaunchError(
            f"process {local_rank} finds {torch.cuda.device_count()} GPUs", where="launch.ranks", now="one GPU each"
        )
    if device.type == "cpu" and precision is Precision.FP16:
        raise LaunchError(
            "fp16 needs a GPU, and this run is on a CPU",
            where="recipe.precision",
            now="use a GPU, or recipe.precision=fp32",
        )
    if device.type == "cuda" and precision is Precision.BF16 and not torch.cuda.is_bf16_supported():
        name = torch.cuda.get_device_name(device)
        raise LaunchError(f"{name} has no bf16", where="recipe.precision", now="use fp16 (with loss_scale=128) or fp32")
    return device


def _gpu() -> tuple[bool, str]:
    """Whether torch can use a GPU, and its warning where it cannot: a driver that is too old, a GPU that has failed."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gpu = torch.cuda.is_available()
    return gpu, " ".join(str(caught[-1].message).split())[:300] if caught else ""


def device_name(device: torch.device) -> str:
    """Name for the record: the GPU's, or the processor's."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"cpu ({torch.backends.cpu.get_cpu_capability()})"


def set_up(recipe: RecipeConfig) -> int:
    """Set threads and determinism for this process.

    Returns:
        The number of CPU threads in use.
    """
    if recipe.cpu_threads is not None:
        torch.set_num_threads(recipe.cpu_threads)
    if recipe.deterministic:
        os.environ.setdefault(
            "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
        )  # cuBLAS is deterministic only with a fixed workspace
        torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = not recipe.deterministic
    # fp32 means fp32: TensorFloat-32 keeps 10 bits of the mantissa, and neither the paper's V100 nor an id knows of it.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    return torch.get_num_threads()


def weight_dtype(precision: Precision) -> torch.dtype:
    """Precision of weights and of what the network is given: single, whatever it computes in, or double."""
    return torch.float64 if precision is Precision.FP64 else torch.float32


def map_dtype(precision: Precision) -> torch.dtype:
    """Type of the numbers in feature maps."""
    half = {Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}
    return half.get(precision, weight_dtype(precision))


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Mixed precision: weights stay fp32, convolutions and products run in the recipe's precision."""
    if precision in (Precision.FP32, Precision.FP64):
        return nullcontext()
    dtype = torch.bfloat16 if precision is Precision.BF16 else torch.float16
    return torch.autocast(device.type, dtype=dtype)
