"""Made-up evaluations: which samples networks get wrong, with known variation from seeds and from samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from an_cli.report.statistics.inference import Wrong


def evaluations(
    generator: np.random.Generator,
    *,
    rows: int,
    seeds: int,
    samples: int,
    seed_spread: float,
    sample_spread: float,
    shifts: NDArray[np.float64] | None = None,
) -> list[Wrong]:
    """Evaluations of some networks on one fresh evaluation set.

    Network r of seed s gets sample i wrong if a uniform draw of its own falls below
    P = Phi(-0.85 + difficulty_i + seed_spread * u[r, s] + sample_spread * v[r, i] + shifts[r]): seeds move a whole run,
    v makes a row better at some samples and worse at others, which more seeds do not average out.

    Returns:
        One array for each row. Shape: [seeds, samples].
    """
    from scipy import special

    difficulty = generator.normal(size=samples) * 0.8
    moved = np.zeros(rows) if shifts is None else shifts
    found = []
    for row in range(rows):
        run = generator.normal(size=(seeds, 1)) * seed_spread
        taste = generator.normal(size=samples) * sample_spread
        chance = special.ndtr(-0.85 + difficulty + run + taste + moved[row])
        found.append((generator.random((seeds, samples)) < chance).astype(np.uint8))
    return found
