"""`an-cli paper audit`: do the paper's printed numbers agree with each other and with what the networks count?

Four questions to every printed row: is a bracketed gain the difference of the rows it stands between, is a cell with
brackets well formed, do the parameters equal the exact count, do rows of one model and setup agree between tables. What
fails is an error; what cannot be decided is a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from an_cli.plan import Counted, Published
from an_cli.plan.ledger import AP

Ledgers = Mapping[str, Mapping[str, Published]]
_BRACKETED = re.compile(r"-?\d+\.\d+ ?\(-?\d+\.\d+\)")
_COLUMNS = {"params_m": "M parameters", "flops_g": "G FLOPs", "top1_error_pct": "top-1", "top5_error_pct": "top-5"}
_SPOKEN = {"top1": "top-1", "top5": "top-5", "ap_bb": "box AP", "ap_bb50": "box AP50", "ap_bb75": "box AP75",
           "ap_m": "mask AP", "ap_m50": "mask AP50", "ap_m75": "mask AP75"}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that does not agree (an error), or that cannot be decided (a remark)."""

    error: bool
    where: str
    what: str

    def __str__(self) -> str:
        return f"{'error' if self.error else 'remark'}: {self.where}: {self.what}"


def audit(ledgers: Ledgers, counts: Mapping[str, Counted]) -> list[Finding]:
    """Check the printed numbers.

    Args:
        ledgers: name -> rows by key, in print order.
        counts: exact counts by model key.

    Returns:
        Errors in print order, then remarks.
    """
    errors = [*_between_tables(ledgers)]
    for rows in ledgers.values():
        for row in rows.values():
            errors += [*_counts(row, counts), *_gains(row, rows), *_form(row)]
    return [*errors, *_flops(ledgers, counts), *_uncounted(ledgers, counts)]


def _between_tables(ledgers: Ledgers) -> Iterator[Finding]:
    first: dict[tuple[str, str], Published] = {}
    for rows in ledgers.values():
        for row in rows.values():
            earlier = first.setdefault((row.model, row.setup), row)
            for column, meaning in _COLUMNS.items():
                here, there = getattr(row, column), getattr(earlier, column)
                if row.model and None not in (here, there) and here != there:
                    yield Finding(True, earlier.source, f"{meaning} {there:.2f}, but {here:.2f} in {row.source}")


def _counts(row: Published, counts: Mapping[str, Counted]) -> Iterator[Finding]:
    if row.params_m is None or row.model not in counts:
        return
    exact = counts[row.model].params
    if not _prints(row.params_m, exact, 6):
        what = f"{row.params_m:.2f}M parameters, but {row.label} has {exact:,}, {_rounded(exact, 6)}M"
        yield Finding(True, row.source, what)


def _gains(row: Published, rows: Mapping[str, Published]) -> Iterator[Finding]:
    for measure, printed in row.gains.items():
        better, worse = _value(rows[row.gain_of], measure), _value(rows[row.gain_over], measure)
        gain = better - worse if measure in AP else worse - better
        if round(gain - printed, 6):
            decimals = 1 if measure in AP else 2
            larger, smaller = (better, worse) if measure in AP else (worse, better)
            what = f"{_SPOKEN[measure]} gain {printed:.{decimals}f} of {row.label}, but {larger:.{decimals}f} - "
            yield Finding(True, row.source, f"{what}{smaller:.{decimals}f} is {gain:.{decimals}f}")


def _value(row: Published, measure: str) -> float:
    value = row.ap.get(measure) if measure in AP else getattr(row, f"{measure}_error_pct")
    assert value is not None, "a printed gain lies between printed numbers"
    return float(value)


def _form(row: Published) -> Iterator[Finding]:
    for measure, text in row.printed.items():
        if not _BRACKETED.fullmatch(text):
            yield Finding(
                True, row.source, f"{_SPOKEN[measure]} of {row.label} is printed {text}: a missing parenthesis"
            )


def _flops(ledgers: Ledgers, counts: Mapping[str, Counted]) -> Iterator[Finding]:
    """One remark where the FLOPs column mixes counters."""
    flops: dict[str, dict[str, None]] = {}
    for rows in ledgers.values():
        for row in rows.values():
            if row.flops_g is not None and row.model in counts and counts[row.model].macs is not None:
                what = f"{row.flops_g:.2f}G ({row.architecture})"
                if not any(what in values for values in flops.values()):
                    flops.setdefault(_counter(row, counts), {})[what] = None
    if len(flops) > 1:
        texts = [f"{', '.join(values)} {'are' if len(values) > 1 else 'is'} {how}" for how, values in flops.items()]
        yield Finding(False, "FLOPs column", f"mixed counters: {'; '.join(texts)}")


def _counter(row: Published, counts: Mapping[str, Counted]) -> str:
    """Which count of which network prints as the row's FLOPs."""
    stem = row.model.removesuffix("_deep")
    for model, of in ((row.model, ""), (stem, " of the vanilla stem"), (f"{stem}_deep", " of the deep stem")):
        for name, count in _operations(counts.get(model)):
            if _prints(row.flops_g or 0.0, count, 9):
                return f"{name}{of}"
    return "by neither counter"


def _operations(counted: Counted | None) -> Iterator[tuple[str, int]]:
    if counted is not None and counted.macs is not None:
        yield "multiply-accumulates", counted.macs
    if counted is not None and counted.thop_ops is not None:
        yield "thop 0.0.22", counted.thop_ops


def _uncounted(ledgers: Ledgers, counts: Mapping[str, Counted]) -> Iterator[Finding]:
    """One remark on printed parameters that there is no exact count for."""
    rows = [row for several in ledgers.values() for row in several.values()]
    left = [row for row in rows if row.params_m is not None and row.model not in counts]
    if left:
        printed = ", ".join(f"{row.params_m:.2f}M ({row.label})" for row in left)
        reason = f": {left[0].note}" if left[0].note else ""
        yield Finding(False, left[0].source, f"parameters not checked: {printed}{reason}")


def _prints(printed: float, exact: int, digits: int) -> bool:
    return f"{printed:.2f}" == str(_rounded(exact, digits))


def _rounded(exact: int, digits: int) -> Decimal:
    """Millions or billions to two decimals, halves up, as on paper."""
    return Decimal(exact).scaleb(-digits).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
