"""Whatever happens to a file of a finished run: a number in the table is the right one, or its row is marked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from an_cli.config import plain
from an_cli.report import Mark, Quantity, Table, TableCell, make_table
from an_cli.report.evidence.per_sample import read_samples, wrong
from an_cli.store import CLASSIFICATION, Evaluation, PerSample, Store, read_runs
from an_cli.store.per_sample import encode
from tests.report.by_hand import SPEC, Cost, attempt, plan, result, row, write_run

PLANES = CLASSIFICATION.planes

SAMPLES = 64
BASE = row("base", baseline=True, seeds=(0, 1))
MEAN = row("mean", "norm.attention.squeeze=mean", seeds=(0, 1))
PLAN = plan(BASE, MEAN)
COSTS = {cell.id: Cost(78_123, 12_345_678) for cell in PLAN.cells}
FILES = ("result.json", "correct.bin", "cell.json", "env.jsonl", "metrics.jsonl")


def write_store(store: Store) -> None:
    generator = np.random.default_rng(8)
    for index, cell in enumerate(PLAN.cells):
        missed = generator.random(SAMPLES) < 0.3
        far = missed & (generator.random(SAMPLES) < 0.2)
        planes = dict(zip(PLANES, [np.packbits(~one).tobytes() for one in (missed, far)] * 2, strict=True))
        top1, top5 = (100 * int(one.sum()) / SAMPLES for one in (missed, far))
        last = Evaluation(epoch=3, loss=0.5, samples=SAMPLES, values={"top1_error_pct": top1, "top5_error_pct": top5})
        attempts = json.dumps(plain(attempt(started_at=f"2026-01-0{index + 1}T00:00:00+00:00"))) + "\n"
        metrics = json.dumps({"kind": "epoch", "epoch": 3, "step": 400, "top1_error_pct": top1}) + "\n"
        described = {"result.json": plain(result(top1, last=last, best=last)), "env.jsonl": attempts}
        write_run(store, cell, {**described, "metrics.jsonl": metrics})
        store.run(cell.id).per_sample.write_bytes(encode(PerSample(SAMPLES, "e7a1", planes)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("whole"))
    write_store(store)
    return store


def table_of(store: Store) -> Table:
    return make_table(PLAN, store, COSTS, SPEC)


def test_an_untouched_store_is_compared_sample_by_sample(whole: Store) -> None:
    gain = table_of(whole).rows[1].cells[Quantity.GAIN]
    assert gain.comparison is not None
    assert gain.comparison.method == "t over seeds and samples"
    assert gain.comparison.value == pytest.approx(gain.value)


def check(damaged: Table, right: Table) -> None:
    """Every number of the damaged table is the right one, unless its row or cell says that something is wrong."""
    for ours, theirs in zip(damaged.rows, right.rows, strict=True):
        marked = bool(ours.marks and set(ours.marks) != set(theirs.marks)) or ours.notes != theirs.notes
        for measure in ("top1_error_pct", "top5_error_pct", Quantity.PARAMS, Quantity.MACS, Quantity.GAIN):
            cell, expected = ours.cells[measure], theirs.cells[measure]
            said = marked or cell.notes != expected.notes or set(cell.marks) - set(expected.marks)
            assert cell.value == expected.value or said or cell.value is None, (ours.label, measure, cell, expected)
            assert _stands_on_runs(cell, damaged, theirs.cells[measure]), (ours.label, measure)


def _stands_on_runs(cell: TableCell, damaged: Table, expected: TableCell) -> bool:
    """A mean over fewer runs than planned is the mean of runs that are whole: their values are among the right ones."""
    if cell.paired is False:
        return bool(cell.notes)  # of the means of runs that are whole, and said so
    return Mark.NOT_COMPARABLE in cell.marks or all(value in expected.values for value in cell.values)


@settings(max_examples=120)
@given(
    which=st.sampled_from(FILES),
    run=st.integers(0, 3),
    how=st.sampled_from(("remove", "halve", "flip", "digit", "zero", "empty")),
    place=st.floats(0, 0.999),
    value=st.integers(1, 255),
)
def test_no_damage_to_one_file_gives_a_wrong_number(
    whole: Store, tmp_path_factory: pytest.TempPathFactory, which: str, run: int, how: str, place: float, value: int
) -> None:
    store = Store(tmp_path_factory.getbasetemp() / "damaged")
    shutil.rmtree(store.root, ignore_errors=True)
    shutil.copytree(whole.root, store.root)
    hurt(store.run(PLAN.cells[run].id).path / which, how, place, value)
    check(table_of(store), table_of(whole))


def test_no_changed_digit_of_a_result_gives_a_wrong_number(whole: Store, tmp_path: Path) -> None:
    shutil.copytree(whole.root, tmp_path / "store")
    store, right = Store(tmp_path / "store"), table_of(whole)
    path = store.run(PLAN.cells[2].id).result
    raw = path.read_bytes()
    for index, byte in enumerate(raw):
        if chr(byte).isdigit():
            for digit in (b"9", b"1"):
                path.write_bytes(raw[:index] + digit + raw[index + 1 :])
                check(table_of(store), right)


def hurt(path: Path, how: str, place: float, value: int) -> None:
    """Damage a file: half of it, a changed byte, a changed digit, zeros, nothing."""
    raw = bytearray(path.read_bytes())
    at = int(place * len(raw))
    digits = [index for index, byte in enumerate(raw) if chr(byte).isdigit()]
    if how == "remove":
        path.unlink()
        return
    if how == "flip":
        raw[at] ^= value
    elif how == "digit":
        raw[digits[int(place * len(digits))]] = ord(str(value % 10))
    elif how == "zero":
        raw[at:] = bytes(len(raw) - at)
    path.write_bytes(b"" if how == "empty" else bytes(raw[:at]) if how == "halve" else bytes(raw))


def test_bits_that_contradict_the_result_unmake_the_number(whole: Store, tmp_path: Path) -> None:
    shutil.copytree(whole.root, tmp_path / "store")
    store = Store(tmp_path / "store")
    run = store.run(MEAN[1][0].id)
    value = json.loads(run.result.read_text())
    value["last"]["top1_error_pct"] = value["best"]["top1_error_pct"] = value["last"]["top1_error_pct"] + 100 / SAMPLES
    run.result.write_text(json.dumps(value))
    found = table_of(store).rows[1]
    assert found.seeds == (1,)
    assert "seed 0: unreadable: last top-1 error is" in found.notes[0]


def test_lost_bits_leave_the_number_and_say_so(whole: Store, tmp_path: Path) -> None:
    shutil.copytree(whole.root, tmp_path / "store")
    store = Store(tmp_path / "store")
    store.run(MEAN[1][0].id).per_sample.unlink()
    found = table_of(store).rows[1]
    assert found.cells["top1_error_pct"].value == table_of(whole).rows[1].cells["top1_error_pct"].value
    assert found.notes == ("seed 0: cannot read correct.bin: No such file or directory",)
    comparison = found.cells[Quantity.GAIN].comparison
    assert comparison is not None
    assert comparison.method == "paired t over seeds"


def test_bits_are_read_as_they_were_written(whole: Store) -> None:
    records = read_runs(whole, [PLAN.cells[0].id])
    correct = read_samples(whole, records)[PLAN.cells[0].id]
    assert isinstance(correct, PerSample)
    assert records[0].result is not None
    assert wrong((correct,), "last.top1").sum() * 100 / SAMPLES == records[0].result.last["top1_error_pct"]
