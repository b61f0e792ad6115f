"""Figure 4: heat maps of gamma and beta of every AN layer, and how lambda uses the components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure

from an_cli.report.figures.learned import DEAD, DOMINATING, Learned, LearnedLayer
from an_cli.report.figures.style import GRAY, PAGE_IN, PALETTE

_ACROSS = 8  # layers side by side
_NOTE = (
    "Rows are the K components, columns the channels; each scale is shared by all layers. Bars: mean weight lambda\n"
    "over the evaluation set; whiskers: its standard deviation over images; in use: exp of the mean usage entropy.\n"
    f"Orange: largest weight for more than {DOMINATING:.0%} of the images. "
    f"Crosses: dead, weight below {DEAD:g} for every image."
)


def draw_mixture(learned: Learned) -> Figure:
    """Draw Figure 4."""
    bands = [learned.layers[start : start + _ACROSS] for start in range(0, len(learned.layers), _ACROSS)]
    figure = Figure(figsize=(PAGE_IN, 4.1 * len(bands) + 0.5), layout="constrained")
    gamma, beta = _scales(learned.layers)
    across = min(_ACROSS, len(learned.layers))
    ratios = [1, 1, 1.2] * len(bands)
    grid = figure.subplots(3 * len(bands), across, squeeze=False, height_ratios=ratios)
    for index, band in enumerate(bands):
        rows = grid[3 * index : 3 * index + 3]
        for column in range(across):
            if column < len(band):
                _draw_layer(list(rows[:, column]), band[column], gamma, beta, first=column == 0)
            else:
                for axes in rows[:, column]:
                    axes.set_axis_off()
    for start, name in enumerate(("gamma", "beta")):
        image, places = grid[start, 0].images[0], list(grid[start::3].flat)
        figure.colorbar(image, ax=places, label=name, fraction=0.02, pad=0.01, aspect=16)
    figure.suptitle(learned.title, x=0.01, ha="left", fontsize=8)
    figure.supxlabel(_NOTE, x=0.01, ha="left", fontsize=6, color=GRAY)
    return figure


def _scales(layers: Sequence[LearnedLayer]) -> tuple[Normalize, Normalize]:
    """Scales of gamma and beta: all but the outermost percent, beta around zero."""
    gammas = np.concatenate([layer.gamma_kc.ravel() for layer in layers])
    betas = np.concatenate([layer.beta_kc.ravel() for layer in layers])
    low, high = (float(value) for value in np.percentile(gammas, (0.5, 99.5)))
    reach = max(float(np.percentile(np.abs(betas), 99)), 1e-6)
    return Normalize(low, max(high, low + 1e-6)), TwoSlopeNorm(0, -reach, reach)


def _draw_layer(rows: Sequence[Axes], layer: LearnedLayer, gamma: Normalize, beta: Normalize, *, first: bool) -> None:
    components, channels = layer.gamma_kc.shape
    rows[0].imshow(layer.gamma_kc, aspect="auto", cmap="cividis", norm=gamma, interpolation="nearest")
    rows[1].imshow(layer.beta_kc, aspect="auto", cmap="PuOr", norm=beta, interpolation="nearest")
    rows[0].set_title(f"{layer.place.replace(', ', chr(10))}\nK={components}, C={channels}", fontsize=6.5)
    for axes in rows[:2]:
        axes.grid(False)
        axes.set_xticks([])
        axes.set_yticks([0, components - 1], ["1", str(components)], fontsize=6)
    _draw_usage(rows[2], layer)
    if first:
        for axes, name in zip(rows, ("gamma", "beta", "lambda"), strict=True):
            axes.set_ylabel(f"{name}: component", fontsize=7)


def _draw_usage(axes: Axes, layer: LearnedLayer) -> None:
    components = len(layer.lambda_mean_k)
    places = np.arange(components)
    colors = [PALETTE[1] if index in layer.dominating else PALETTE[0] for index in range(components)]
    whiskers = {"elinewidth": 0.6, "ecolor": GRAY}
    axes.barh(places, layer.lambda_mean_k, xerr=layer.lambda_std_k, color=colors, height=0.75, error_kw=whiskers)
    axes.plot([0.03] * len(layer.dead), layer.dead, "x", color=PALETTE[1], markersize=4, markeredgewidth=1.2)
    axes.set_ylim(components - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "", "1"], fontsize=6)
    axes.set_yticks([0, components - 1], ["1", str(components)], fontsize=6)
    dead = f", {len(layer.dead)} dead" if layer.dead else ""
    axes.set_title(f"{layer.effective:.1f} of {components} in use{dead}", fontsize=6.5)
