"""A search's summary as grids of text: what every format prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from an_cli.config.task import Measure
from an_cli.report.formats.wording import count_text
from an_cli.report.search.summary import Estimate, SearchSummary, TrialRow
from an_cli.report.spec import Quantity


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of texts. `words`: columns that are set flush left."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SearchTables:
    """All that is printed of a search: tables, and sentences below them."""

    name: str
    grids: tuple[Grid, ...]
    notes: tuple[str, ...]


def tables_of(summary: SearchSummary) -> SearchTables:
    """A search's tables."""
    grids = [_trials(summary)]
    if any(summary.importances.values()):
        grids.append(_importances(summary))
    return SearchTables(name=summary.name, grids=tuple(grids), notes=tuple(_notes(summary)))


def _trials(summary: SearchSummary) -> Grid:
    best = f"best of {summary.counts.get('finished', 0)} finished trials"
    caption = f"{summary.title}: {'the front' if summary.is_front else best}"
    reported = any(row.reported for row in summary.rows)
    heads = ["trial", "choice", *(f"{_head(measure)} (selected)" for measure in summary.objectives)]
    heads += [f"{_head(measure)} (other seeds)" for measure in summary.objectives] if reported else []
    rows = [_line(row, summary.objectives, reported) for row in summary.rows]
    return Grid(caption=caption, heads=tuple(heads), rows=tuple(rows), words=(1,))


def _line(row: TrialRow, objectives: Sequence[Measure], reported: bool) -> tuple[str, ...]:
    texts = [estimate_text(value, measure) for value, measure in zip(row.selected, objectives, strict=True)]
    if reported:
        others = row.reported or (None,) * len(objectives)
        texts += [estimate_text(value, measure) for value, measure in zip(others, objectives, strict=True)]
    return (str(row.number), ", ".join(row.params), *texts)


def estimate_text(value: Estimate | None, measure: Measure) -> str:
    """ "13.20 [12.90, 13.50]"; a dash where there is none."""
    if value is None:
        return "-"
    if measure.key in ("params", "macs"):
        return count_text(value.mean, Quantity.PARAMS if measure.key == "params" else Quantity.MACS)
    text = f"{value.mean:.{measure.decimals}f}"
    if value.low is None or value.high is None:
        return text
    return f"{text} [{value.low:.{measure.decimals}f}, {value.high:.{measure.decimals}f}]"


def _head(measure: Measure) -> str:
    head = measure.short or measure.title
    return f"{head} ({measure.unit})" if measure.unit else head


def _importances(summary: SearchSummary) -> Grid:
    keys = list(dict.fromkeys(key for shares in summary.importances.values() for key in shares))
    rows = [
        (key, *(f"{shares[key]:.2f}" if key in shares else "-" for shares in summary.importances.values()))
        for key in keys
    ]
    titles = {measure.key: measure.title for measure in summary.objectives}
    heads = ("parameter", *(titles[key] for key in summary.importances))
    caption = f"Importances ({summary.evaluator}): shares of the variance over the finished trials"
    return Grid(caption=caption, heads=heads, rows=tuple(rows), words=(0,))


def _notes(summary: SearchSummary) -> list[str]:
    counts = ", ".join(f"{count} {state}" for state, count in summary.counts.items())
    notes = [f"{sum(summary.counts.values())} of {summary.trials} trials: {counts or 'none'}. "
             f"Sampler {summary.sampler}, pruner {summary.pruner}."]  # fmt: skip
    notes.append(_honest(summary))
    if any(value.seeds > 1 for row in summary.rows for value in (*row.selected, *(row.reported or ()))):
        notes.append("In brackets: 95 % intervals of the mean over seeds, by Student's t.")
    if not any(summary.importances.values()):
        notes.append("No importances: too few finished trials that differ.")
    if summary.skipped:
        notes.append(f"{summary.skipped} lines of the journal were torn or foreign and are left out.")
    return notes


def _honest(summary: SearchSummary) -> str:
    """How the winner was selected, and what its number is."""
    what = "The front was" if summary.is_front else "The winner was"
    selected = f"{what} selected on seeds {_listed(summary.seeds)}, of the same evaluation images"
    if not summary.report_seeds:
        return f"{selected}, and not run on others: the best of many is better than it is. Name report_seeds."
    reported = [row for row in summary.rows if row.reported]
    if not reported:
        return f"{selected}; its number on seeds {_listed(summary.report_seeds)} is still to be measured."
    number = ""
    if not summary.is_front and reported[0].reported is not None:
        value = reported[0].reported[0]
        number = f": {summary.objectives[0].title} {estimate_text(value, summary.objectives[0])}, {value.seeds} seeds"
    return f"{selected}. Its number is that on seeds {_listed(summary.report_seeds)}, which had no part in it{number}."


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
