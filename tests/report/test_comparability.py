"""Rows that differ in more than they say get a footnote; unequal data gets no difference."""

from __future__ import annotations

import dataclasses

import pytest

from an_cli.plan import Plan
from an_cli.report import Mark, Quantity, Table, TableRow, build_table
from an_cli.store import RunRecord
from tests.report.by_hand import SPEC, attempt, finished, plan, result, row

BASE = row("base", baseline=True)
MEAN = row("mean", "norm.attention.squeeze=mean")
ERRORS = (10.0, 11.0, 12.0)


def table_of(plan: Plan, *records: list[RunRecord]) -> Table:
    return build_table(plan, [record for several in records for record in several], {}, SPEC)


def second(table: Table) -> TableRow:
    return table.rows[1]


MADE = [("code_tree", "code"), ("device", "device"), ("norm_path", "norm path")]


@pytest.mark.parametrize(("field", "word"), MADE)
def test_runs_made_otherwise_are_named(field: str, word: str) -> None:
    found = second(table_of(plan(BASE, MEAN), finished(BASE, ERRORS), finished(MEAN, ERRORS, **{field: "other"})))
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"differs from 'base', undeclared, in {word} (")
    assert "other" in found.notes[0]
    gain = found.cells[Quantity.GAIN]
    assert gain.value is None
    assert gain.marks == (Mark.NOT_COMPARABLE,)
    assert "does not share with" in gain.notes[0]


@pytest.mark.parametrize(("field", "word"), MADE)
def test_a_waived_difference_is_let_through_as_a_footnote(field: str, word: str) -> None:
    records = [*finished(BASE, ERRORS), *finished(MEAN, ERRORS, **{field: "other"})]
    found = second(build_table(plan(BASE, MEAN), records, {}, dataclasses.replace(SPEC, waive=(word,))))
    assert found.notes[0].startswith(f"differs from 'base', waived, in {word} (")
    assert found.cells[Quantity.GAIN].value == 0


def test_a_record_without_a_norm_path_is_of_a_composed_layer_and_a_plain_norm_has_none() -> None:
    fused = finished(MEAN, ERRORS, norm_path="fused (x86-64-v3)")
    found = second(table_of(plan(BASE, MEAN), finished(BASE, ERRORS), fused))
    assert "norm path (fused (x86-64-v3) against composed)" in found.notes[0]
    assert not second(
        table_of(plan(BASE, MEAN), finished(BASE, ERRORS, norm_path="composed"), finished(MEAN, ERRORS))
    ).notes
    plain = row("bn", "norm=bn")
    found = second(table_of(plan(BASE, plain), finished(BASE, ERRORS, norm_path="composed"), finished(plain, ERRORS)))
    assert not any("norm path" in note for note in found.notes)


def test_unequal_evaluation_data_are_never_subtracted() -> None:
    found = second(table_of(plan(BASE, MEAN), finished(BASE, ERRORS), finished(MEAN, ERRORS, data_fingerprint="other")))
    gain = found.cells[Quantity.GAIN]
    assert gain.value is None
    assert gain.marks == (Mark.NOT_COMPARABLE,)
    assert gain.notes == ("no difference: not evaluated on the same data as 'base'",)
    assert found.cells["top1_error_pct"].value == 11.0
    same = "data (same name, other content: fashion_mnist_small (other) against fashion_mnist_small (da7a))"
    assert same in found.notes[0]


def _on(data: str, several: list[RunRecord], fingerprint: str) -> list[RunRecord]:
    """Runs whose data were chosen by a name, with the contents of each fact by one fingerprint."""
    return [
        dataclasses.replace(
            one,
            choices={**one.choices, "data": data},
            result=result(10.0, data_fingerprint=f"eval {fingerprint}"),
            attempts=(attempt(train_fingerprint=f"train {fingerprint}"),),
        )
        for one in several
    ]


def test_undeclared_data_are_named_and_fingerprints_left_out_where_names_tell_all() -> None:
    base, mean = _on("shapes", finished(BASE, ERRORS), "1"), _on("birds", finished(MEAN, ERRORS), "2")
    note = second(table_of(plan(BASE, MEAN), base, mean)).notes[0]
    assert (
        note == "differs from 'base', undeclared, in data (birds against shapes); training data (birds against shapes)"
    )


def test_of_several_names_only_the_one_with_two_contents_has_fingerprints() -> None:
    base, mean = _on("shapes", finished(BASE, ERRORS), "1"), finished(MEAN, ERRORS)
    mixed = [*_on("birds", mean[:1], "2"), *_on("shapes", mean[1:], "3")]
    notes = second(table_of(plan(BASE, MEAN), base, mixed)).notes
    assert "data (same name, other content: birds, shapes (eval 3) against shapes (eval 1))" in " ".join(notes)


def test_a_row_whose_own_seeds_saw_other_data_names_them() -> None:
    runs = finished(BASE, ERRORS)
    named = table_of(plan(BASE), [*_on("birds", runs[:1], "2"), *_on("shapes", runs[1:], "1")]).rows[0].notes
    assert named == ("its runs differ in data (birds, shapes); training data (birds, shapes)",)
    edited = table_of(plan(BASE), [*_on("shapes", runs[:1], "2"), *_on("shapes", runs[1:], "1")]).rows[0].notes
    assert "data (same name, other content: shapes (eval 1), shapes (eval 2))" in edited[0]


def test_seeds_on_different_data_have_no_mean() -> None:
    mixed = [*finished(MEAN, ERRORS)[:2], *finished(MEAN, ERRORS, data_fingerprint="other")[2:]]
    cell = second(table_of(plan(BASE, MEAN), finished(BASE, ERRORS), mixed)).cells["top1_error_pct"]
    assert cell.value is None
    assert cell.values == ERRORS
    assert cell.marks == (Mark.NOT_COMPARABLE,)


def test_a_row_whose_own_seeds_were_made_by_different_code_says_so() -> None:
    mixed = [*finished(BASE, ERRORS)[:2], *finished(BASE, ERRORS, code_tree="other")[2:]]
    assert table_of(plan(BASE), mixed).rows[0].notes == ("its runs differ in code (c0de, other)",)


def test_what_a_row_sets_needs_no_footnote() -> None:
    several = row("both", "norm.attention.squeeze=mean", "recipe.weight_decay=0.001")
    assert second(table_of(plan(BASE, several))).notes == ("0 of 3 seeds; seeds 0, 1, 2: missing",)


def test_another_norm_needs_no_footnote() -> None:
    assert len(second(table_of(plan(BASE, row("BN", "norm=bn")))).notes) == 1


def test_what_follows_unseen_from_another_model_is_named() -> None:
    base = row(
        "base", "model=resnet50", "recipe=vanilla", "data=imagenet", "recipe.augment=none", baseline=True, set=()
    )
    other = row(
        "other",
        "model=resnet_small",
        "recipe=vanilla",
        "data=imagenet",
        "recipe.augment=none",
        set=("model=resnet_small",),
    )
    notes = second(table_of(plan(base, other))).notes
    assert "undeclared, in recipe.stem (" in " ".join(notes)
    assert "norm.attention.components" not in " ".join(notes)


def test_a_declared_difference_is_printed_as_declared() -> None:
    base = row("base", "model=resnet50", "recipe=vanilla", "data=imagenet", "recipe.augment=none", baseline=True)
    other = row(
        "other", "model=resnet_small", "recipe=vanilla", "data=imagenet", "recipe.augment=none", differs=("recipe",)
    )
    notes = " ".join(second(table_of(plan(base, other))).notes)
    assert "differs from 'base', as declared, in recipe.stem (" in notes
    assert "undeclared" not in notes


def test_a_difference_declared_by_the_baseline_covers_its_group() -> None:
    base = row("base", "recipe.interpolation=bicubic", baseline=True, differs=("recipe.interpolation",))
    notes = second(table_of(plan(base, MEAN))).notes
    assert "differs from 'base', as declared, in recipe.interpolation (bilinear against bicubic)" in notes
