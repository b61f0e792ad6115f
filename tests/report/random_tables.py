"""Random studies with every kind of trouble, and what no table of them may ever say: for a test and for a check."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator

import numpy as np

from an_cli.plan import Plan
from an_cli.report import Mark, Quantity, Rule, State, Table, build_table, decision, render
from an_cli.report.compare.power import power
from an_cli.report.formats.wording import LEFT, differs_text
from an_cli.report.page.snapshot import as_printed
from an_cli.report.table import TableRow
from an_cli.store import CLASSIFICATION, Evaluation, PerSample, RunRecord, Status
from tests.report import by_hand
from tests.report.by_hand import SPEC, attempt, plan, quoted, record, result
from tests.report.coin import evaluations

PLANES = CLASSIFICATION.planes

SAMPLES = 240
DESIGNS = ((), ("norm.attention.gate=softmax",), ("norm.attention.squeeze=mean",), ("norm.attention.gate=sigmoid",))


@dataclasses.dataclass(frozen=True)
class Made:
    """A study's plan with its records and bits; a stopping rule for some."""

    plan: Plan
    records: dict[str, RunRecord]
    bits: dict[str, PerSample | str]
    rule: Rule | None

    def table(self) -> Table:
        spec = dataclasses.replace(SPEC, brackets=True)
        return build_table(self.plan, self.records.values(), {}, spec, samples=self.bits, rule=self.rule)


def random_study(generator: np.random.Generator) -> Made:
    """Groups of rows; seeds that differ in number, fail, are missing; other code; lost bits; equal networks."""
    groups, seeds = int(generator.integers(1, 4)), int(generator.choice([1, 2, 3, 5]))
    rule = Rule(most_seeds=6, looks=2) if generator.random() < 0.2 else None
    rows, records, bits = [], {}, {}
    for group in range(groups):
        several = int(generator.integers(2, len(DESIGNS) + 1))
        shift = np.where(generator.random(several) < 0.4, generator.choice([0.0, 0.3, -0.5]), 0.0)
        found = evaluations(
            generator, rows=several, seeds=6, samples=SAMPLES, seed_spread=float(generator.choice([0.0, 0.05])),
            sample_spread=float(generator.choice([0.0, 0.4])), shifts=shift,
        )  # fmt: skip
        if generator.random() < 0.1:
            found = [np.zeros_like(one) if generator.random() < 0.7 else one for one in found]
        for index in range(several):
            count = max(1, seeds + int(generator.choice([0, 0, 0, -1, 1]))) if rule is None else 6
            start = int(generator.choice([0, 0, 0, 1]))
            base = index == 0
            made = by_hand.row(
                f"design{index} of {group}" if index else f"base {group}", f"recipe.lr=0.{group + 1}",
                *DESIGNS[index], seeds=range(start, start + min(count, 5)), baseline=base, group=f"g{group}",
                gain_over=f"base {group}",
            )  # fmt: skip
            rows.append(made)
            other_code = generator.random() < 0.1
            for place, cell in enumerate(made[1]):
                wrong = found[index][place]
                records[cell.id], kept = _run(cell, wrong, other_code=other_code, luck=generator.random())
                if kept is not None:
                    bits[cell.id] = kept
        if generator.random() < 0.3:
            rows.append(quoted(f"quoted {group}", top1_error_pct=20.0, top5_error_pct=5.0))
            rows[-1] = (dataclasses.replace(rows[-1][0], group=f"g{group}", gain_of=f"base {group}"), [])
    made_plan = plan(*rows)
    if generator.random() < 0.1:
        made_plan = dataclasses.replace(made_plan, overrides=("recipe.epochs=1",))
    return Made(made_plan, records, bits, rule)


def _run(cell, wrong, *, other_code: bool, luck: float) -> tuple[RunRecord, PerSample | str | None]:  # type: ignore[no-untyped-def]
    if luck < 0.04:
        return record(cell, Status.FAILED, error="TrainingDiverged: loss is nan"), None
    if luck < 0.07:
        return record(cell, Status.RUNNING), None
    pct = 100 * int(wrong.sum()) / SAMPLES
    last = Evaluation(epoch=3, loss=0.1, samples=SAMPLES, values={"top1_error_pct": pct, "top5_error_pct": pct})
    tree = "0ther" if other_code else "c0de"
    made = record(cell, result=result(pct, last=last, best=last, code_tree=tree), attempts=(attempt(code_tree=tree),))
    if luck < 0.09:
        return made, "correct.bin is damaged"
    return made, PerSample(SAMPLES, "e7a1", dict.fromkeys(PLANES, np.packbits(wrong ^ 1).tobytes()))


def contradictions(made: Made) -> Iterator[str]:
    """What a table says that another part of it, or another form of it, denies."""
    table = made.table()
    value, lines = json.loads(render(table, "json")), render(table, "terminal").splitlines()
    fields = {line["label"]: line for line in csv.DictReader(io.StringIO(render(table, "csv")))}
    said = {row.label: differs_text(row.cell(Quantity.DIFFERS), table.alpha) for row in table.rows}
    differ = [label for label, text in said.items() if text.startswith("yes")]
    alike = [label for label, text in said.items() if text.startswith("not told apart")]
    for prefix, labels in (("Differ: ", differ), ("Not told apart: ", alike)):
        notes = [note for note in table.notes if note.startswith(prefix)]
        if notes != ([f"{prefix}{'; '.join(labels) or 'none'}."] if differ or alike else []):
            yield f"the note {notes} and the column {labels} disagree"
    for row in table.rows:
        yield from (f"{row.label}: {problem}" for problem in _of_row(row, table, made, said[row.label]))
    for row, shown in zip(table.rows, value["rows"], strict=True):
        if ("best" in shown["top1_error_pct"]["marks"]) != (Mark.BEST in row.cell("top1_error_pct").marks):
            yield f"{row.label}: JSON and table disagree about the best"
        compared = shown["gain"]["comparison"]
        claimed = bool(compared) and compared["claim"] is None and (compared["p_table"] or 1) <= value["alpha"]
        if claimed != (row.label in differ):
            yield f"{row.label}: JSON claims {claimed}, the table {row.label in differ}"
        if (fields[row.label]["gain_mean"] == "") != (row.cell(Quantity.GAIN).value is None):
            yield f"{row.label}: CSV and table disagree about a difference"
        line = next(line for line in lines if line.lstrip().startswith(f"{row.label} "))
        if ("yes, p" in line) != (row.label in differ):
            yield f"{row.label}: the terminal prints {line!r}"
    yield from _of_page(table, differ)
    asked = {one.label for one in power(table)}
    wanted = {row.label for row in table.rows if row.reference and row.label not in differ}
    if made.rule is None and asked != wanted:
        yield f"--power answers for {asked}, the table leaves {wanted} open"
    if made.rule is not None:
        found = decision(made.plan, made.records, made.bits, SPEC, made.rule)
        told = {one.row for one in found.rows if one.state is State.TOLD_APART}
        if told != set(differ):
            yield f"--until-resolved tells {told} apart, the table {differ}"
        refused = {row.label for row in table.rows if Mark.NOT_COMPARABLE in row.cell(Quantity.GAIN).marks}
        if set(found.refused) != refused:
            yield f"--until-resolved refuses {set(found.refused)}, the table {refused}"


def _of_page(table: Table, differ: list[str]) -> Iterator[str]:
    """What the dashboard's page holds of a table."""
    states = dict.fromkeys((one for row in table.rows for one in row.planned), "finished")
    page = as_printed(table, states)
    place = {column.measure: index for index, column in enumerate(table.columns)}
    for row, shown in zip(table.rows, page["rows"], strict=True):
        said = shown["printed"][place[Quantity.DIFFERS]].get("word", "") if Quantity.DIFFERS in place else ""
        if said.startswith("yes") != (row.label in differ and Quantity.DIFFERS in place):
            yield f"{row.label}: the page says {said!r}"
        bold = shown["printed"][place["top1_error_pct"]].get("best", False)
        if bold != (Mark.BEST in row.cell("top1_error_pct").marks):
            yield f"{row.label}: page and table disagree about the best"
    if page["heads"] != [{"title": one.title, "words": one.measure in LEFT} for one in table.columns]:
        yield "the page has other columns"


def _of_row(row: TableRow, table: Table, made: Made, said: str) -> Iterator[str]:
    gain, found = row.cell(Quantity.GAIN), row.cell(Quantity.GAIN).comparison
    by_label = {other.label: other for other in table.rows}
    claims = said.startswith("yes") or Mark.BEST in row.cell("top1_error_pct").marks
    if Mark.NOT_COMPARABLE in gain.marks and (gain.value is not None or found or said.startswith(("yes", "not told"))):
        yield "a refused difference is printed"
    if claims and (len(row.seeds) < 2 or len(row.seeds) < len(row.planned)) and made.rule is None:
        yield f"a claim from {len(row.seeds)} of {len(row.planned)} seeds"
    if found is not None and found.low is not None and found.high is not None:
        if not found.low <= found.value <= found.high or found.low >= found.high:
            yield f"an interval of {found.low} to {found.high} around {found.value}"
        if found.p is not None and made.rule is None and (found.low <= 0 <= found.high) != (found.p > 0.05):
            yield f"the interval {found.low} to {found.high} denies p={found.p}"
    if gain.value is not None and made.rule is None:
        here, there = row.cell("top1_error_pct").value, by_label[row.reference].cell("top1_error_pct").value
        if here is None or there is None or abs(here - there - gain.value) > 1e-9:
            yield f"{here} - {there} is printed as {gain.value}"
    bracket = row.cell("top1_error_pct").bracket
    if bracket is not None and (row.label and made.plan.overrides and row.kind == "literature"):
        yield "a bracket beside a quoted number of another study"
    if bracket is not None and row.reference and Mark.NOT_COMPARABLE in gain.marks:
        yield "a bracket for a refused difference"
    if Mark.BEST in row.cell("top1_error_pct").marks:
        yield from _of_best(row, table)


def _of_best(best: TableRow, table: Table) -> Iterator[str]:
    for row in table.rows:
        if row.group != best.group or row.label == best.label or row.kind == "literature":
            continue
        if row.status.value != "finished":
            yield f"bold, though {row.label} is {row.status}"
        pair = row if row.reference == best.label else best if best.reference == row.label else None
        compared = pair.cell("top1_error_pct").comparison if pair else None
        if pair is not None and (compared is None or not compared.separated(table.alpha)):
            yield f"bold, and not told apart from {row.label}"
