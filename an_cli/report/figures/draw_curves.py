"""Training curves: the primary measure and training loss by epoch, a line per row, a band over its seeds."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from an_cli.config.task import Measure
from an_cli.report.figures.bands import LOSS, Band, Curves, RowCurves
from an_cli.report.figures.style import DASHES, GRAY, PAGE_IN, PALETTE


def draw_curves(curves: Curves) -> Figure:
    """Draw a study's or a run's training curves; bands are one standard deviation over seeds."""
    lines = -(-len(curves.rows) // 2)
    figure = Figure(figsize=(PAGE_IN, 2.7 + 0.16 * lines), layout="constrained")
    panels = figure.subplots(1, 2)
    titles = {curves.primary.key: _on_the_evaluation_set(curves.primary), LOSS: "training loss"}
    for axes, (metric, title) in zip(panels, titles.items(), strict=True):
        for index, row in enumerate(curves.rows):
            _draw_row(axes, row, metric, index)
        axes.set_title(title, loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.suptitle(curves.title, x=0.01, ha="left", fontsize=8)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=2)
    if any(row.seeds > 1 for row in curves.rows):
        figure.text(0.99, 0.01, "bands: \u00b1 1 standard deviation over seeds", ha="right", fontsize=6.5, color=GRAY)
    return figure


def _on_the_evaluation_set(measure: Measure) -> str:
    title = f"{measure.title} on the evaluation set"
    return f"{title} ({measure.unit})" if measure.unit else title


def _draw_row(axes: Axes, row: RowCurves, metric: str, index: int) -> None:
    band: Band = row.metrics[metric]
    color = PALETTE[index % len(PALETTE)]
    dash = DASHES[index % len(DASHES)]
    seeds = f" ({row.seeds} seeds)" if row.seeds > 1 else ""
    marker = "o" if len(band.epochs) < 3 else ""
    axes.plot(band.epochs, band.mean, color=color, linestyle=dash, marker=marker, markersize=3, label=row.label + seeds)
    if band.spread is not None:
        low = [mean - spread for mean, spread in zip(band.mean, band.spread, strict=True)]
        high = [mean + spread for mean, spread in zip(band.mean, band.spread, strict=True)]
        axes.fill_between(band.epochs, low, high, color=color, alpha=0.15, linewidth=0)
