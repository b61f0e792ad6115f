"""Tables for tests of every format: with every kind of row, with hostile labels, with a best row and with ties."""

from __future__ import annotations

from html.parser import HTMLParser

from an_cli.report import Table, build_table
from an_cli.store import Status
from tests.report.by_hand import SPEC, Cost, finished, plan, quoted, record, row

HOSTILE = [
    r"100% & more_or #less $x$ {y} ~z^2 \input{/etc/passwd}",
    "a|b <script>alert(1)</script> [x](javascript:y) `c` **d** &lt; ~~e~~",
    "line\nbreak\ttab \x1b[31mred\x07 \u202eright-to-left",
    "caf\u00e9 \u03b1 \u0394 \u00b1 \u00d7 \u2013 \u2014 \u2020 \u6f22 \U0001f600 \"quoted\" 'single' <> K=(5,5,10,10)",
    "[30] starts with a bracket",
    "* starts with a star",
    "-- --- ?` !` @ * = + ; : , . / [ ] ( )",
    "",
]
NOISY = (20.0, 20.1, 19.9, 20.05, 19.95, 20.0)


def full_table() -> Table:
    """A table with every kind of row: finished, partial, failed, missing, quoted, not comparable."""
    base = row(
        "RSD + A2 + hsigmoid + K=(10,10,20,20)", baseline=True, gain_over="RSD + A2 + hsigmoid + K=(10,10,20,20)"
    )
    over = {"gain_over": base[0].label}
    mean = row("mean", "norm.attention.squeeze=mean", **over)
    partial = row("concat(mean, std)", "norm.attention.squeeze=mean_std", **over)
    failed = row("A1 & more | 100%", "norm.attention.head=a1", **over)
    missing = row("softmax", "norm.attention.gate=softmax", **over)
    other = row("sigmoid", "norm.attention.gate=sigmoid", group="second", baseline=True, gain_over="sigmoid")
    foreign = row("K=(5,5,10,10)", "norm.attention.components=[5,5,10,10]", group="second", gain_over="sigmoid")
    published = quoted("GN [30]", params_m=25.56, flops_g=4.09, top1_error_pct=24.0)
    records = [
        *finished(base, (10.25, 10.75, 10.5)),
        *finished(mean, (10.0, 10.75, 10.0)),
        *finished(partial, (9.0, 9.5, 9.75))[:2],
        *[record(cell, Status.FAILED, error="loss is nan (epoch 2, step 40) | $x_1$") for cell in failed[1]],
        *finished(other, (10.0, 10.0, 10.0), code_tree="beef"),
        *finished(foreign, (11.0, 11.0, 11.0), data_fingerprint="other"),
    ]
    rows = (base, mean, partial, failed, missing, published, other, foreign)
    costs = {cell.id: Cost(78_123, 12_345_678) for _, cells in rows for cell in cells}
    return build_table(plan(*rows, study="full", title="All kinds of rows, 100% of them"), records, costs, SPEC)


def hostile_table(labels: list[str]) -> Table:
    base = row("base", baseline=True, seeds=(0,))
    rows = [
        row(label, f"recipe.weight_decay={index + 1}e-6", seeds=(0,), group=label) for index, label in enumerate(labels)
    ]
    causes = [record(cells[0], Status.FAILED, error=one.label) for one, cells in rows]
    records = [*finished(base, (10.0,)), *causes]
    return build_table(plan(base, *rows, study="hostile_1", title=labels[0]), records, {}, SPEC)


def two_rows(*errors: tuple[float, ...]) -> Table:
    """A base and another row, of six seeds each."""
    base = row("base", baseline=True, seeds=range(6))
    mean = row("mean", "norm.attention.squeeze=mean", seeds=range(6))
    records = [record for one, values in zip((base, mean), errors, strict=True) for record in finished(one, values)]
    return build_table(plan(base, mean), records, {}, SPEC)


class Markup(HTMLParser):
    """What a browser would make of a page: its cells by row, and every element and attribute in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data
