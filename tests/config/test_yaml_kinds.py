"""What YAML 1.1 reads as something that nobody means: right, or an error with file and line, in every kind of file."""

from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.config import compose
from an_cli.errors import ConfigError, StudyError
from an_cli.files import read_yaml
from an_cli.plan import load_study

ODD = ["12:30:00", "1:30", "010", "0017", "1_000", "2026-11-25", "190:20:30.15", "-0_1"]


@pytest.mark.parametrize("text", ODD)
def test_a_number_that_nobody_means_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"title: x\nvalue: {text}\n")
    with pytest.raises(ConfigError, match=rf"{text} would be read as another number") as caught:
        read_yaml(path)
    assert caught.value.where.startswith(f"{path}:2:")
    path.write_text(f"value: '{text}'\n")
    assert read_yaml(path) == {"value": text}


@pytest.mark.parametrize(
    ("text", "value"), [("10", 10), ("0", 0), ("-3", -3), ("1e-4", 1e-4), ("0.5", 0.5), ("0x1F", 31), ("00:a", "00:a")]
)
def test_other_values_are_read_as_they_stand(tmp_path: Path, text: str, value: object) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"value: {text}\n")
    assert read_yaml(path) == {"value": value}


def test_files_that_hydra_reads_are_read_as_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "conf" / "launch" / "mine.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("defaults: [slurm, _self_]\ntime_min: 12:30:00\n")
    with pytest.raises(ConfigError, match="12:30:00 would be read as another number"):
        compose(["launch=mine"])
    mine.write_text("defaults: [slurm, _self_]\ntime_min: 5\ntime_min: 6\n")
    with pytest.raises(ConfigError, match="'time_min' is given twice"):
        compose(["launch=mine"])
    mine.write_text("defaults: [slurm, _self_]\ntime_min: 750\n")
    assert compose(["launch=mine"]).launch.time_min == 750


def test_a_tab_is_called_a_tab_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "a.yaml").write_text("title: x\nbase:\n\t- seed=1\n")
    with pytest.raises(StudyError, match="a tab stands where YAML takes spaces only") as caught:
        load_study("a")
    assert caught.value.where.endswith("a.yaml:3:1")


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfvalue: 1\r\n")
    assert read_yaml(path) == {"value": 1}


def test_a_study_in_a_file_of_another_ending_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "n.yml").write_text("title: x\n")
    with pytest.raises(StudyError, match=r"ends in \.yml .* -> rename it n\.yaml"):
        load_study("n")
