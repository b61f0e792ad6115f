"""Keyed random draws: what is drawn depends on its key alone.

A key is (purpose, seed, epoch, step, replica), or (purpose, seed, epoch) with the sample as counter. No draw depends on
the process, the loader worker, the order of calls, or a global random state, so a run that was interrupted, or laid out
on other devices, draws what it would have drawn.

Derivation: the text `an-cli draws v1|PURPOSE|seed=S|epoch=E|step=T|replica=R` ("-" for an absent part) is hashed with
SHA-256; the first 16 bytes, as two little-endian 64-bit words, are the key of a Philox4x64-10 generator whose counter
starts at 0. Uniform numbers and permutations are made here from its raw 64-bit words, which NumPy never changes;
`step_generator` hands out NumPy's own distributions, whose algorithms a NumPy release may change.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

_WORDS_PER_COUNT = 4  # 64-bit words that Philox4x64 makes per counter value


class Purpose(StrEnum):
    """What a draw is for. Draws of different purposes never share a stream."""

    ORDER = "order"  # of the training samples in an epoch
    AUGMENT = "augment"  # shift, crop and flip of a sample
    MIXUP_LAMBDA = "mixup_lambda"
    MIXUP_PARTNER = "mixup_partner"
    DROPOUT = "dropout"
    INIT = "init"  # of the weights, before epoch 0
    SYNTHETIC = "synthetic"  # the synthetic set's own pixels


def epoch_order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """Order of the samples 0..n-1 in one epoch: a uniform random permutation."""
    return _permutation(_philox(Purpose.ORDER, seed, epoch), n)


def sample_draws(seed: int, epoch: int, n: int, width: int, purpose: Purpose) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) for every sample of an epoch.

    Row i depends on (seed, epoch, i, purpose) and not on n; its first numbers do not depend on `width` within the same
    multiple of four, because a row starts at Philox counter i * ceil(width / 4).

    Returns:
        Shape (n, width).
    """
    counts = _counts(width)
    words = _philox(purpose, seed, epoch).random_raw(n * counts * _WORDS_PER_COUNT)
    return _uniform(words).reshape(n, -1)[:, :width]


def draws_of_sample(seed: int, epoch: int, sample: int, width: int, purpose: Purpose) -> NDArray[np.float64]:
    """Row `sample` of `sample_draws`, without the rows before it."""
    bits = _philox(purpose, seed, epoch, counter=sample * _counts(width))
    return _uniform(bits.random_raw(width))


def step_generator(seed: int, epoch: int, step: int, replica: int, purpose: Purpose) -> np.random.Generator:
    """NumPy generator of one step of one replica."""
    return np.random.Generator(_philox(purpose, seed, epoch, step, replica))


def step_permutation(seed: int, epoch: int, step: int, replica: int, n: int, purpose: Purpose) -> NDArray[np.int64]:
    """Uniform random permutation of 0..n-1 for one step of one replica."""
    return _permutation(_philox(purpose, seed, epoch, step, replica), n)


def torch_seed(seed: int, epoch: int, step: int, replica: int, purpose: Purpose) -> int:
    """Seed in [0, 2^63) for `torch.manual_seed`, before a step with dropout or before the weights are drawn."""
    return int(_key(purpose, seed, epoch, step, replica)[0] >> np.uint64(1))


def _philox(
    purpose: Purpose, seed: int, epoch: int, step: int | None = None, replica: int | None = None, counter: int = 0
) -> np.random.Philox:
    return np.random.Philox(key=_key(purpose, seed, epoch, step, replica), counter=counter)


def _key(purpose: Purpose, seed: int, epoch: int, step: int | None, replica: int | None) -> NDArray[np.uint64]:
    parts = {"seed": seed, "epoch": epoch, "step": step, "replica": replica}
    text = "|".join(f"{name}={'-' if value is None else int(value)}" for name, value in parts.items())
    digest = hashlib.sha256(f"an-cli draws v1|{purpose}|{text}".encode()).digest()
    return np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)


def _counts(width: int) -> int:
    return -(-width // _WORDS_PER_COUNT)


def _uniform(words: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The 53 upper bits of each word as a fraction."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _permutation(bits: np.random.Philox, n: int) -> NDArray[np.int64]:
    return np.argsort(bits.random_raw(n), kind="stable").astype(np.int64, copy=False)
