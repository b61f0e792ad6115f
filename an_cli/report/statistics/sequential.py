"""Looking several times at growing data without losing the error rate: group-sequential alpha spending.

A comparison that is tested after 4, 8, ... seeds has several chances of a false alarm. An error-spending function says
how much of the error rate may be used up by each look (Lan and DeMets, 1983); the level of a look's own test follows
from the joint distribution of the looks (Armitage, McPherson and Rowe, 1969). The smallest error rate at which a
comparison would have been rejected at any look so far is its repeated p-value (Jennison and Turnbull, 2000, chapter 9):
one number that may be used like any p-value, Holm's procedure included, whenever one stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import special

SPENDING_POWER = 1.5  # alpha * t^1.5: between Pocock's even spending and O'Brien and Fleming's late one
_GRID = 33  # error rates for which levels are worked out; between them, straight lines on log scales
_LEAST, _MOST = 1e-8, 0.5


@lru_cache(maxsize=256)
def look_levels(alpha: float, fractions: tuple[float, ...]) -> tuple[float, ...]:
    """Two-sided level of each look's own test, so that all looks together err with probability alpha.

    Args:
        alpha: error rate in total, in (0, 1).
        fractions: share of the most seeds that each look has, increasing, the last at most 1.

    Returns:
        One level for each look.

    Source: Jennison and Turnbull, Group Sequential Methods (2000), sections 7.2 and 19.2.
    """
    edges, levels = _Edges(), []
    for fraction, before in zip(fractions, (0.0, *fractions), strict=False):
        spent = alpha * (fraction**SPENDING_POWER - before**SPENDING_POWER)
        edge = edges.next(spent, fraction)
        levels.append(float(2 * special.ndtr(-edge / fraction**0.5)))
    return tuple(levels)


class _Edges:
    """The score process (a Brownian motion in information time) that stays within its edges so far."""

    def __init__(self) -> None:
        self._points, self._masses, self._time = np.zeros(1), np.ones(1), 0.0

    def next(self, spent: float, time: float) -> float:
        """The edge at a time that the process crosses, for the first time, with probability `spent`."""
        step = (time - self._time) ** 0.5
        low, high = 0.0, 40.0
        for _ in range(50):
            edge = (low + high) / 2
            crossed = special.ndtr((self._points - edge) / step) + special.ndtr((-edge - self._points) / step)
            low, high = (edge, high) if float(self._masses @ crossed) > spent else (low, edge)
        nodes, weights = _quadrature()
        points = high * nodes
        spread = np.exp(-0.5 * ((points[:, None] - self._points[None, :]) / step) ** 2) / (step * (2 * np.pi) ** 0.5)
        self._points, self._masses, self._time = points, high * weights * (spread @ self._masses), time
        return high


@lru_cache(maxsize=1)
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights over what has not been rejected yet; twice as many change no level by 1e-6 of itself."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    return nodes, weights


@lru_cache(maxsize=64)
def _ladder(fractions: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Logs of error rates, and of the levels of each look that they come to."""
    alphas = np.geomspace(_LEAST, _MOST, _GRID)
    return np.log(alphas), np.log(np.array([look_levels(float(alpha), fractions) for alpha in alphas]))


def repeated_p(p_values: Sequence[float], fractions: tuple[float, ...]) -> float:
    """The smallest error rate at which one of the looks so far would have rejected.

    Args:
        p_values: two-sided p-value of each look so far, in [0, 1].
        fractions: share of the most seeds of every look, planned ones included.

    Returns:
        A p-value that holds with the looking on; 1 where no error rate below one half would do.
    """
    if not p_values:
        return 1.0
    alphas, levels = _ladder(fractions)
    error_rates = [_error_rate(p, levels[:, look], alphas) for look, p in enumerate(p_values)]
    return min(error_rates)


def _error_rate(p: float, levels: np.ndarray, alphas: np.ndarray) -> float:
    logged = np.log(max(p, 1e-300))
    if logged > levels[-1]:
        return 1.0
    if logged < levels[0]:  # below the ladder levels and error rates are in proportion
        return float(np.exp(alphas[0] + logged - levels[0]))
    return float(np.exp(np.interp(logged, levels, alphas)))
