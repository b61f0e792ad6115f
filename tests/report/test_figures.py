"""What is drawn (values), and that drawing gives whole files of equal bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from an_cli.config import Composer
from an_cli.errors import ReportError
from an_cli.plan import Published
from an_cli.report import build_table, with_columns
from an_cli.report.figures.bands import LOSS, band_of, curves_of, study_curves
from an_cli.report.figures.draw_curves import draw_curves
from an_cli.report.figures.draw_mixture import draw_mixture
from an_cli.report.figures.draw_tradeoff import draw_tradeoff
from an_cli.report.figures.learned import learned, place_of
from an_cli.report.figures.style import FigureFormat, draw_bytes
from an_cli.report.figures.tradeoff import Axis, Tradeoff, method_of, tradeoff
from an_cli.store import CLASSIFICATION, RunFolder, Status
from tests.report.by_hand import SPEC, Cost, cell, finished, plan, quoted, record, row

BN = "ResNet-50-BN"
MAGIC = {FigureFormat.PDF: b"%PDF-", FigureFormat.SVG: b"<?xml", FigureFormat.PNG: b"\x89PNG"}


def printed(label: str, params_m: float | None, flops_g: float | None, top1: float) -> Published:
    numbers = {"params_m": params_m, "flops_g": flops_g, "top1_error_pct": top1, "top5_error_pct": None}
    return Published(key=label, label=label, source="Table 2", note="", **numbers)


def table_2() -> tuple[Any, list[Any]]:
    """Table 2 in small: one network trained with BN and AN, GN and SN as printed."""
    bn = row(BN, "norm=bn", group="resnet50", baseline=True, gain_over=BN, published=printed("bn", 25.56, 4.09, 23.01))
    an = row("ResNet-50-AN (w/ BN)", group="resnet50", gain_over=BN, published=printed("an", 25.76, 4.09, 21.59))
    gn, sn = quoted("ResNet-50-GN", params_m=25.56, top1_error_pct=23.52), quoted("SN", top1_error_pct=22.43)
    rows = [
        bn,
        (dataclasses.replace(gn[0], group="resnet50"), []),
        (dataclasses.replace(sn[0], group="resnet50"), []),
        an,
    ]
    return plan(*rows, title="Table 2"), [*finished(bn, [23.0, 23.1, 23.2]), *finished(an, [21.5, 21.6, 21.7])]


def figure_1(axis: Axis = Axis.PARAMS, *, published: bool = False) -> Tradeoff:
    made, records = table_2()
    costs = {one.id: Cost(25_557_032, 4_089_000_000) for one in made.cells}
    return tradeoff(made, build_table(made, records, costs, SPEC), axis, published=published)


def test_figure_1_has_a_point_per_row_with_both_numbers_and_names_the_others() -> None:
    found = figure_1()
    assert [(point.label, point.method, point.quoted) for point in found.points] == [
        ("ResNet-50-BN", "BN", False),
        ("ResNet-50-GN", "GN", True),
        ("ResNet-50-AN (w/ BN)", "AN", False),
    ]
    assert found.missing == ("SN: params not known",)
    assert found.points[0].value == pytest.approx(23.1)
    assert found.points[0].spread == pytest.approx(0.1)
    assert {point.family for point in found.points} == {"resnet"}


def test_figure_1_against_macs_leaves_out_what_was_printed_without_them() -> None:
    found = figure_1(Axis.MACS)
    assert [point.method for point in found.points] == ["BN", "AN"]
    assert len(found.missing) == 2


def test_published_numbers_join_as_hollow_points_only_when_asked_for() -> None:
    added = [point for point in figure_1(published=True).points if point.quoted and point.method != "GN"]
    assert [(point.method, point.x, point.value) for point in added] == [
        ("BN", 25.56e6, 23.01),
        ("AN", 25.76e6, 21.59),
    ]


def test_a_study_without_a_single_number_is_an_error_that_names_the_command() -> None:
    made, _ = table_2()
    trained = plan(*[(one, [made.cell(run) for run in one.cells]) for one in made.rows if one.cells])
    with pytest.raises(ReportError, match="an-cli ablate study"):
        tradeoff(trained, build_table(trained, [], {}, SPEC), Axis.PARAMS)


def designs(sizes: dict[str, int]) -> Tradeoff:
    """Designs of one network, of these sizes."""
    base = next(iter(sizes))
    rows = [
        row(label, f"recipe.lr={index + 1}e-3", baseline=label == base, gain_over=base)
        for index, label in enumerate(sizes)
    ]
    costs = {one.id: Cost(size, size) for (_, cells), size in zip(rows, sizes.values(), strict=True) for one in cells}
    records = [
        run
        for index, (one, size) in enumerate(zip(rows, sizes.values(), strict=True))
        for run in finished(one, [20.0 + index, 20.1 + index, 20.2 + index], params=size)
    ]
    made = plan(*rows, title="Designs")
    return tradeoff(made, build_table(made, records, costs, SPEC), Axis.PARAMS)


def rates(*several: float, columns: tuple[str, ...] = (), axis: str = "recipe.lr", measure: str = "") -> Tradeoff:
    """A study of learning rates, and one row of another gate; set against a column of one's own."""
    base = f"lr={several[0]}"
    rows = [
        *(row(f"lr={rate}", f"recipe.lr={rate}", baseline=rate == several[0], gain_over=base) for rate in several),
        row("softmax", f"recipe.lr={several[0]}", "norm.attention.gate=softmax", gain_over=base),
    ]
    records = [
        run for place, one in enumerate(rows) for run in finished(one, [20.0 + place] * 3, train_s=100.0 + place)
    ]
    made = plan(*rows, title="Rates")
    spec = with_columns(SPEC, made, [axis, *([measure] if measure else [])], "--against")
    table = build_table(made, records, {}, spec)
    return tradeoff(made, table, axis, measure=table.measures[measure] if measure else None)


@pytest.mark.parametrize(("several", "is_log"), [((0.1, 0.2, 0.4), False), ((0.01, 0.1, 1.0), True)])
def test_a_measure_is_drawn_against_a_setting_that_the_study_varies(several: tuple[float, ...], is_log: bool) -> None:
    drawn = rates(*several)
    assert [point.x for point in drawn.points] == [*several, several[0]]
    axes = draw_tradeoff(drawn).axes[0]
    assert (axes.get_xlabel(), axes.get_xscale()) == ("recipe.lr", "log" if is_log else "linear")
    places = [float(container[0].get_xdata()[0]) for container in axes.containers]  # type: ignore[index]
    assert places[1:3] == list(several[1:])
    assert places[0] != places[3], "two rows of one rate stand side by side"
    assert places[0] == pytest.approx(places[3], rel=0.2)


def test_own_columns_stand_on_both_axes() -> None:
    drawn = rates(0.1, 0.2, axis="train_s", measure="top1_accuracy_pct")
    assert [(point.x, point.value) for point in drawn.points] == [(100.0, 80.0), (101.0, 79.0), (102.0, 78.0)]
    axes = draw_tradeoff(drawn).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("train (s)", "top-1 accuracy (%)")


def test_a_column_of_words_is_refused_and_a_column_that_is_none_is_named() -> None:
    with pytest.raises(ReportError, match=r"norm.attention.gate holds no number in any row .*\(--against\)"):
        rates(0.1, 0.2, axis="norm.attention.gate")
    with pytest.raises(ReportError, match=r"no column 'recipe.lrr' \(--against\) -> did you mean recipe.lr\?"):
        rates(0.1, 0.2, axis="recipe.lrr")


@pytest.mark.parametrize(
    "sizes",
    [
        {"RSD": 89_200, "mean": 89_200, "K=(5,5,10,10)": 85_800, "A1": 89_100},
        {"RSD": 89_200, "mean": 89_200},
        {f"row {index}": 10**6 + index for index in range(60)},
    ],
)
def test_every_design_of_one_network_has_a_name_a_look_and_a_place_of_its_own(sizes: dict[str, int]) -> None:
    figure = draw_tradeoff(designs(sizes))
    axes = figure.axes[0]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == list(sizes)
    points = [container[0] for container in axes.containers]
    places = {(float(one.get_xdata()[0]), float(one.get_ydata()[0])) for one in points}  # type: ignore[index]
    assert len(places) == len(sizes)
    assert len({x for x, _ in places}) == len(sizes)
    assert len({(str(one.get_color()), one.get_marker()) for one in points}) >= min(len(sizes), 40)
    low, high = axes.get_xlim()
    assert all(low < x < high for x, _ in places)
    assert len(axes.get_xticklabels()) == len({text.get_text() for text in axes.get_xticklabels()}) > 0


def test_a_family_of_networks_is_still_joined_and_named_by_method() -> None:
    legend = draw_tradeoff(figure_1()).axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["AN", "BN", "GN, as printed"]


def epochs(*errors: float) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"kind": "epoch", "epoch": index, "top1_error_pct": error, LOSS: error / 10}
        for index, error in enumerate(errors)
    )


def test_a_band_covers_the_epochs_that_every_seed_has_reached() -> None:
    band = band_of([{0: 10.0, 1: 8.0}, {0: 12.0, 1: 6.0, 2: 5.0}])
    assert band.epochs == (1, 2)
    assert band.mean == (11.0, 7.0)
    assert band.spread == pytest.approx((2**0.5, 2**0.5))


def test_one_seed_has_no_band() -> None:
    assert band_of([{0: 10.0}]).spread is None


def test_an_epoch_trained_twice_counts_once_and_a_damaged_line_not_at_all() -> None:
    lines = (
        *epochs(50.0, 40.0),
        {"epoch": 1, "top1_error_pct": 30.0},
        {"epoch": "2", "top1_error_pct": 1.0},
        {"epoch": 3, "top1_error_pct": float("nan")},
    )
    found = curves_of({"a": [record(cell(), epochs=lines)]}, CLASSIFICATION.primary, title="", where="a")
    assert found.rows[0].metrics["top1_error_pct"].mean == (50.0, 30.0)


def test_rows_without_an_epoch_are_named_and_a_study_without_any_is_an_error() -> None:
    first, second = row("a", seeds=(0, 1)), row("b", "norm=bn", seeds=(0,))
    runs = [record(one, epochs=epochs(50, 20 + index)) for index, one in enumerate(first[1])]
    made = plan(first, second)
    found = study_curves(made, [*runs, record(second[1][0], Status.WAITING)])
    assert (found.rows[0].seeds, found.missing) == (2, ("b",))
    with pytest.raises(ReportError, match="no run has finished an epoch"):
        study_curves(made, [])


def write_mixture(run: RunFolder, layers: int = 2, k: int = 4, c: int = 6) -> None:
    """A mixture in which the first component of every layer is dead and the last one leads."""
    draws, arrays = np.random.default_rng(0), {}
    for index in range(layers):
        name, weights = f"stages.{index}.1.norm2", np.array([0.0, *[0.4] * (k - 2), 0.9])
        arrays[f"{name}/gamma"] = draws.normal(1, 0.1, (k, c))
        arrays[f"{name}/beta"] = draws.normal(0, 0.1, (k, c))
        for what in ("mean", "min", "max"):
            arrays[f"{name}/lambda_{what}"] = weights
        arrays[f"{name}/lambda_std"] = weights / 10
        arrays[f"{name}/lambda_dominates"] = np.array([0, *[0] * (k - 2), 1])
        arrays[f"{name}/usage_entropy"] = np.log(2.5)
    run.path.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(run.mixture, **arrays)


def test_dead_and_dominating_components_and_the_number_in_use_are_read_off(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    write_mixture(run)
    found = learned(run, "a run")
    assert [layer.place for layer in found.layers] == ["stage 1, block 2", "stage 2, block 2"]
    assert [(layer.dead, layer.dominating) for layer in found.layers] == [((0,), (3,))] * 2
    assert found.layers[0].effective == pytest.approx(2.5)


def test_a_layer_outside_the_stages_keeps_its_name() -> None:
    assert place_of("stem.norm") == "stem.norm"


def test_a_missing_or_damaged_mixture_is_said(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    with pytest.raises(ReportError, match=r"no mixture\.npz"):
        learned(run, "")
    write_mixture(run)
    run.mixture.write_bytes(run.mixture.read_bytes()[:200])
    with pytest.raises(ReportError, match="cannot be read"):
        learned(run, "")
    np.savez(run.mixture, **{"a/gamma": np.zeros((2, 3))})
    with pytest.raises(ReportError, match="lacks beta"):
        learned(run, "")


def every_figure(run: RunFolder) -> dict[str, Callable[[], Figure]]:
    write_mixture(run, layers=3)
    seeds = [record(cell(), epochs=epochs(9, 8, 7)), record(cell(), epochs=epochs(8, 7, 6))]
    trained, mixture, sizes = (
        curves_of({"a": seeds}, CLASSIFICATION.primary, title="t", where=""),
        learned(run, "a run"),
        figure_1(),
    )
    return {
        "fig1": lambda: draw_tradeoff(sizes),
        "curves": lambda: draw_curves(trained),
        "mixture": lambda: draw_mixture(mixture),
    }


def digests(run: RunFolder) -> dict[str, str]:
    """Digest of every figure in every format; each begins as its format does."""
    found = {}
    for name, draw in every_figure(run).items():
        for format in FigureFormat:
            raw = draw_bytes(draw, format)
            assert raw.startswith(MAGIC[format])
            found[f"{name}.{format}"] = hashlib.sha256(raw).hexdigest()
    return found


@pytest.mark.slow
def test_every_figure_has_equal_bytes_in_another_process(tmp_path: Path) -> None:
    code = (
        "import json, pathlib, sys; from an_cli.store import RunFolder; from tests.report.test_figures import digests\n"
        "print(json.dumps(digests(RunFolder(pathlib.Path(sys.argv[1])))))"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "other")],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    ours = digests(RunFolder(tmp_path / "r"))
    said, _ = other.communicate()
    assert other.returncode == 0
    assert json.loads(said) == ours


def test_hostile_labels_are_text_in_an_svg() -> None:
    runs = [record(cell(), epochs=epochs(9, 8))]
    trained = curves_of(
        {'<script>$x^2$ & "': runs, r"$\frac{$": runs}, CLASSIFICATION.primary, title="$_{<b>$", where=""
    )
    raw = draw_bytes(lambda: draw_curves(trained), FigureFormat.SVG)
    assert b"<script" not in raw


@pytest.mark.parametrize(
    ("norm", "method"), [("an_bn", "AN"), ("an_gn", "AN"), ("bn_se", "SE"), ("bn", "BN"), ("gn", "GN"), ("sn", "SN")]
)
def test_a_norm_is_drawn_as_what_it_is(norm: str, method: str, composer: Composer) -> None:
    assert method_of(composer.compose([f"norm={norm}"]).cell) == method


def test_characters_that_the_font_lacks_are_told_once_and_warn_nobody() -> None:
    def draw() -> Figure:
        figure = Figure()
        figure.subplots().set_title("基线 \U00013000 ± é")
        return figure

    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = draw_bytes(draw, FigureFormat.PNG, said.append)
    assert first == draw_bytes(draw, FigureFormat.PNG)
    assert len(said) == 1
    assert "'\U00013000'" in said[0]
    assert "'é'" not in said[0]
    assert "fonts-noto-cjk" in said[0]
