"""Attentive normalization on a CPU as compiled kernels: two passes over a feature map forward, two backward.

The sources are Python (`entry` and what it imports) that numba compiles, once per machine, in a process of its own;
what is kept is an object file, and a process that trains loads it with llvmlite alone. `an_cli.norm` decides when they
are used; without them everything is computed by PyTorch's own operations.
"""

from an_cli.kernels.cache import Missing, folder, prepare, state
from an_cli.kernels.frame import (
    BLOCK,
    GateKind,
    HeadKind,
    Kernel,
    SqueezeKind,
    Standardization,
    Word,
    bits,
    make_frame,
)
from an_cli.kernels.library import Library, load

__all__ = [
    "BLOCK",
    "GateKind",
    "HeadKind",
    "Kernel",
    "Library",
    "Missing",
    "Word",
    "SqueezeKind",
    "Standardization",
    "bits",
    "folder",
    "load",
    "make_frame",
    "prepare",
    "state",
]
