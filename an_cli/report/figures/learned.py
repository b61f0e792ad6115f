"""Figure 4 as values: what the attention of one run has learned, from its `mixture.npz`."""

from __future__ import annotations

import math
import re
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from an_cli.errors import ReportError
from an_cli.store import RunFolder

Array = NDArray[np.float64]
DEAD = 0.01  # a component whose weight stays below this for every image
DOMINATING = 0.5  # a component that has the largest weight for more than this share of the images
_PARTS = ("gamma", "beta", "lambda_mean", "lambda_std", "lambda_max", "lambda_dominates", "usage_entropy")


@dataclass(frozen=True, kw_only=True, eq=False)
class LearnedLayer:
    """One AN layer: K affine transformations of C channels, and how lambda used them over the evaluation set.

    Attributes:
        place: for example "stage 3, block 1".
        gamma_kc: scales, (K, C).
        beta_kc: shifts, (K, C).
        lambda_mean_k: mean weight, in [0, 1].
        lambda_std_k: its standard deviation over images.
        effective: exp of the mean usage entropy: how many components share the weight, in [1, K].
        dead: components that are never used (see `DEAD`).
        dominating: components that lead for most images (see `DOMINATING`).
    """

    place: str
    gamma_kc: Array
    beta_kc: Array
    lambda_mean_k: Array
    lambda_std_k: Array
    effective: float
    dead: tuple[int, ...]
    dominating: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """All AN layers of a run, in the network's order."""

    title: str
    layers: tuple[LearnedLayer, ...]


def learned(run: RunFolder, title: str) -> Learned:
    """Read what a run's AN layers have learned.

    Args:
        run: a finished run.
        title: what the figure is called.

    Raises:
        ReportError: the run has no readable `mixture.npz`, or no AN layer.
    """
    try:
        with run.mixture.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            values = {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays.files}
    except FileNotFoundError as error:
        raise ReportError(
            "the run has no mixture.npz", where=run.id, now="it is written when a run with AN layers finishes"
        ) from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ReportError(f"mixture.npz cannot be read: {error}", where=run.id, now="rerun the cell") from error
    names = list(dict.fromkeys(name.rpartition("/")[0] for name in values))
    if not names:
        raise ReportError("the run's network has no AN layer", where=run.id, now="choose a run with norm=an_bn")
    return Learned(title=title, layers=tuple(_layer(name, values, run.id) for name in names))


def _layer(name: str, values: dict[str, Array], where: str) -> LearnedLayer:
    lacking = [part for part in _PARTS if f"{name}/{part}" not in values]
    if lacking:
        raise ReportError(f"mixture.npz lacks {', '.join(lacking)} of {name}", where=where, now="rerun the cell")
    part = {what: values[f"{name}/{what}"] for what in _PARTS}
    return LearnedLayer(
        place=place_of(name),
        gamma_kc=part["gamma"],
        beta_kc=part["beta"],
        lambda_mean_k=part["lambda_mean"],
        lambda_std_k=part["lambda_std"],
        effective=math.exp(float(part["usage_entropy"])),
        dead=_where(part["lambda_max"] < DEAD),
        dominating=_where(part["lambda_dominates"] > DOMINATING),
    )


def _where(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(index) for index in np.flatnonzero(mask))


def place_of(name: str) -> str:
    """A layer's place in the paper's words, counted from 1: "stages.2.0.norm2" is "stage 3, block 1"."""
    match = re.match(r"stages\.(\d+)\.(\d+)\.", name)
    return f"stage {int(match[1]) + 1}, block {int(match[2]) + 1}" if match else name
