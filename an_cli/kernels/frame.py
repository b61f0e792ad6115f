"""What a kernel is handed: one array of 64-bit words, of sizes, choices, numbers and addresses.

An address is of a tensor's first element; n samples,
c channels, p pixels, k components, f squeezed features; statistics are float32, or float64 for float64 maps.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping, Sequence
from enum import IntEnum, auto


class SqueezeKind(IntEnum):
    """The instance statistic."""

    MEAN = 0
    MEAN_STD = 1
    RSD = 2


class GateKind(IntEnum):
    """From logits to lambda."""

    SIGMOID = 0
    SOFTMAX = 1
    HSIGMOID = 2


class Standardization(IntEnum):
    """Where mu and sigma come from: the batch, running statistics, or groups of a sample's channels."""

    BATCH = 0
    TRACKED = 1
    GROUP = 2


class HeadKind(IntEnum):
    """A1, or A2 with the statistics of the batch or the running ones."""

    A1 = 0
    BATCH = 1
    TRACKED = 2


class Kernel(IntEnum):
    """What a call does, forward and then backward, and whose number an item is."""

    PREPARE = 0  # one item: what evaluation reads off the running statistics
    MOMENTS = auto()  # sample: its moments, and its logits where they do not wait for the batch
    BATCH = auto()  # block of channels
    SQUEEZE = auto()  # sample
    HEAD = auto()  # one item
    OUTPUT = auto()  # sample
    WHOLE = auto()  # sample: moments and output in one, where nothing is shared between samples
    REDUCE = auto()  # sample
    HEAD_BACK = auto()  # one item
    PARAMETERS = auto()  # component
    SQUEEZE_BACK = auto()  # sample
    BATCH_BACK = auto()  # block of channels
    GRADIENT = auto()  # sample
    TRACK = auto()  # one item: takes the batch's moments into the running statistics
    ALL = auto()  # the frame's steps, one after the other


MOST_STEPS = 8
BLOCK = 64  # channels whose batch statistics one item takes


class Word(IntEnum):
    """The words, by number."""

    NEXT = 0  # the item that the next free thread takes
    COUNT = auto()  # items of this call
    KERNEL = auto()
    ENTRY = auto()  # address of the kernels' own function
    PARALLEL = auto()  # address of OpenMP's, 0 for one thread
    THREADS = auto()
    KEPT = auto()  # address that the places of what is kept count from
    SCRATCH = auto()  # the same of the backward pass
    STEPS = auto()  # how many; they stand at the end
    N = auto()
    C = auto()
    P = auto()
    K = auto()
    F = auto()
    COLUMNS = auto()  # 1: the map is channels-last
    STANDARDIZATION = auto()
    GROUPS = auto()
    INSIDE = auto()  # 1: the attention looks at the standardized map
    SQUEEZE = auto()
    HEAD = auto()
    GATE = auto()
    # numbers
    EPS = auto()
    SQUEEZE_EPS = auto()
    HEAD_EPS = auto()
    MOMENTUM = auto()
    HEAD_MOMENTUM = auto()
    HIGH = auto()  # of the activation: 0 for none, inf for ReLU, 6 for ReLU6
    # maps
    X = auto()
    Y = auto()
    GRAD = auto()  # of the output
    DX = auto()
    # parameters and running statistics; 0 where there is none
    GAMMA = auto()  # (k, c)
    BETA = auto()
    WEIGHT = auto()  # (k, f)
    BIAS = auto()  # (k,)
    HEAD_GAMMA = auto()
    HEAD_BETA = auto()
    RUNNING_MEAN = auto()  # (c,)
    RUNNING_VAR = auto()
    HEAD_RUNNING_MEAN = auto()  # (k,)
    HEAD_RUNNING_VAR = auto()
    BATCHES = auto()  # how many were tracked
    HEAD_BATCHES = auto()
    # kept from the forward pass: places, counted in bytes from KEPT
    MEAN = auto()  # (n, c)
    VAR = auto()
    SCALE = auto()
    SHIFT = auto()
    MU = auto()  # (n, c) for groups, else (c,)
    INVERSE = auto()  # 1 / sigma, as MU
    SQUEEZED = auto()  # (n, f)
    LAMBDA = auto()  # (n, k)
    LOGITS = auto()  # (n, k): normalized for A2, before its affine transformation
    BATCH_VAR = auto()  # (c,): biased
    HEAD_MEAN = auto()  # (k,)
    HEAD_VAR = auto()
    HEAD_INVERSE = auto()
    # of the backward pass: places, counted from SCRATCH
    D_GAMMA_NC = auto()
    D_BETA_NC = auto()
    D_MEAN = auto()
    D_VAR = auto()
    D_MU = auto()
    D_INVERSE = auto()
    D_SQUEEZED = auto()
    D_LOGITS = auto()
    BATCH_D_MEAN = auto()  # (c,)
    BATCH_D_VAR = auto()
    # gradients of parameters
    D_GAMMA = auto()
    D_BETA = auto()
    D_WEIGHT = auto()
    D_BIAS = auto()
    D_HEAD_GAMMA = auto()
    D_HEAD_BETA = auto()
    STEP = auto()  # kernel and items of each step, and the end of the frame


NUMBERS = (Word.EPS, Word.SQUEEZE_EPS, Word.HEAD_EPS, Word.MOMENTUM, Word.HEAD_MOMENTUM, Word.HIGH)
WORDS = Word.STEP + 2 * MOST_STEPS


def bits(value: float) -> int:
    """A number as a word: the bits of a double."""
    return int(struct.unpack("q", struct.pack("d", value))[0])


def make_frame(values: Mapping[Word, float], steps: Sequence[tuple[Kernel, int]]) -> array[int]:
    """The words, 0 where nothing is given, with the steps of one call: each a kernel and its number of items."""
    words = [0] * WORDS
    for slot, value in values.items():
        words[slot] = bits(value) if slot in NUMBERS else int(value)
    words[Word.KERNEL], words[Word.STEPS] = Kernel.ALL, len(steps)
    for i, (kernel, items) in enumerate(steps):
        words[Word.STEP + 2 * i], words[Word.STEP + 2 * i + 1] = kernel, items
    return array("q", words)
