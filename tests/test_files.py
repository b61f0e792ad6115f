"""Whole files or none, one line at a time, and strict readers."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli import files
from an_cli.errors import ConfigError, StoreError, StudyError
from an_cli.files import (
    append_line,
    canonical_json,
    dump_yaml,
    read_json,
    read_json_lines,
    read_yaml,
    subfolders,
    write_atomic,
    write_json,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond this size (EFBIG), which needs no full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command to make a small disk with")
    if done.returncode:
        pytest.skip(f"cannot mount a small disk: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_atomic(path, "old")
    write_atomic(path, "new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["result.json"]


def test_a_refused_write_leaves_the_old_bytes_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_atomic(path, b"old")
    with _files_of_at_most(1000), pytest.raises(StoreError, match=r"cannot write result.json: .*free space"):
        write_atomic(path, b"x" * 5000)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_a_full_disk_leaves_the_old_bytes_and_the_next_write_works(small_disk: Path) -> None:
    path = small_disk / "checkpoint"
    write_atomic(path, b"old" * 1000)
    with pytest.raises(StoreError, match="No space left on device"):
        write_atomic(path, b"x" * 100_000)
    assert path.read_bytes() == b"old" * 1000
    assert os.listdir(small_disk) == ["checkpoint"]
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_line_that_a_full_disk_tore_spoils_itself_only(small_disk: Path) -> None:
    path, filler = small_disk / "metrics.jsonl", small_disk / "filler"
    append_line(path, {"step": 1})
    filler.write_bytes(b"x" * 40_000)
    with pytest.raises(StoreError, match="No space left on device"):
        append_line(path, {"step": 2, "text": "y" * 60_000})
    filler.unlink()
    append_line(path, {"step": 3})
    assert read_json_lines(path) == ([{"step": 1}, {"step": 3}], 1)


def test_a_failed_rename_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_from: Path, _to: Path) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "result.json"
    write_atomic(path, "old")
    monkeypatch.setattr(files.os, "replace", refuse)
    with pytest.raises(StoreError, match="Permission denied"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_a_missing_folder_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot write a: No such file"):
        write_atomic(tmp_path / "gone" / "a", "x")
    with pytest.raises(StoreError, match="cannot write a: No such file"):
        append_line(tmp_path / "gone" / "a", {})


def test_two_writers_never_share_the_name_of_a_part(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250)
    names = {files.part_name(path).name for _ in range(50)}
    assert len(names) == 50
    assert max(map(len, names)) < 255


def test_appended_lines_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for step in range(5):
        append_line(path, {"step": step})
    assert read_json_lines(path) == ([{"step": step} for step in range(5)], 0)


def test_a_line_after_a_torn_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": 2, "lo')
    append_line(path, {"step": 3})
    assert read_json_lines(path) == ([{"step": 1}, {"step": 3}], 1)


@pytest.mark.parametrize("rubbish", [b"\xff\xfe\n", b"[1, 2]\n", b"3\n", b"\x00\x00\x00\n", b"[" * 100_000 + b"\n"])
def test_lines_that_are_no_objects_are_skipped_and_counted(tmp_path: Path, rubbish: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"a": 1}\n' + rubbish + b'\n\n{"a": 2}\n')
    assert read_json_lines(path) == ([{"a": 1}, {"a": 2}], 1)


def test_a_missing_file_has_no_lines(tmp_path: Path) -> None:
    assert read_json_lines(tmp_path / "metrics.jsonl") == ([], 0)


def test_a_folder_in_place_of_a_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Is a directory"):
        read_json_lines(tmp_path)


@given(JSON)
def test_canonical_json_reads_back_as_the_same_value(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), st.integers(), max_size=6))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: dict[str, int]) -> None:
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))


def test_canonical_json_is_ascii_without_spaces() -> None:
    assert canonical_json({"b": [1, 2.0], "a": "é"}) == '{"a":"\\u00e9","b":[1,2.0]}'


def test_canonical_json_refuses_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"loss": math.nan})


def test_json_written_is_json_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, None]})
    assert read_json(tmp_path / "a.json") == {"b": [1, None]}


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000])
def test_what_is_not_json_is_said_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "cell.json").write_text(text)
    with pytest.raises(StoreError, match=r"cell\.json is not JSON"):
        read_json(tmp_path / "cell.json")


def test_a_missing_json_is_said_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot read cell\.json"):
        read_json(tmp_path / "cell.json")


def _yaml(tmp_path: Path, text: str) -> dict[str, object]:
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path, StudyError)


@pytest.mark.parametrize("text", ["1e-4", "1.0e-4", "0.0001", "+1E-4"])
def test_yaml_reads_every_spelling_of_a_number_as_a_number(tmp_path: Path, text: str) -> None:
    assert _yaml(tmp_path, f"lr: {text}") == {"lr": 1e-4}


def test_yaml_keeps_whole_numbers_whole(tmp_path: Path) -> None:
    value = _yaml(tmp_path, "epochs: 120")["epochs"]
    assert (value, type(value)) == (120, int)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2", "given twice"),
        ("a: {b: 1, b: 2}", "given twice"),
        ("a: [1", "is not YAML"),
        ("[1]: 2", "is not YAML"),
        ("day: 2024-13-45", "is not YAML"),
        ("a: " + "[" * 5000, "is not YAML"),
        ("- 1", "must hold a mapping"),
        ("word", "must hold a mapping"),
        ("1: 2", "must hold a mapping"),
        ("a: !!python/object:os.system {}", "is not YAML"),
    ],
)
def test_bad_yaml_is_refused_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(StudyError, match=problem) as caught:
        _yaml(tmp_path, text)
    assert "a.yaml" in str(caught.value)


def test_yaml_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(ConfigError, match="is not YAML"):
        read_yaml(tmp_path / "a.yaml")


def test_an_empty_yaml_is_an_empty_mapping(tmp_path: Path) -> None:
    assert _yaml(tmp_path, "# nothing\n") == {}


def test_a_missing_yaml_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read a\.yaml"):
        read_yaml(tmp_path / "a.yaml")


def test_dumped_yaml_keeps_its_order_and_reads_back(tmp_path: Path) -> None:
    value = {"title": "Grid", "base": ["model=resnet50"], "grid": {"norm": ["bn", "an_bn"]}}
    text = dump_yaml(value)
    assert text.index("title") < text.index("base") < text.index("grid")
    assert _yaml(tmp_path, text) == value


def test_subfolders_are_sorted_and_files_are_none(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "c").write_text("")
    assert subfolders(tmp_path) == ["a", "b"]
    assert subfolders(tmp_path / "gone") == []
    assert subfolders(tmp_path / "c") == []


def test_text_of_any_bytes_is_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")  # as a file name that is not UTF-8 reaches a message
    write_atomic(tmp_path / "error.txt", f"cannot decode {name}\0\x1b[31m")
    assert (tmp_path / "error.txt").read_text() == "cannot decode caf\\udce9.jpg\0\x1b[31m"


def test_yaml_that_is_written_reads_as_the_same_value(tmp_path: Path) -> None:
    from an_cli.files import dump_yaml, read_yaml

    value = {
        "a": 1e-05,
        "b": "1e5",
        "c": "1.5",
        "d": "null",
        "e": [0.1, 1e22, 3],
        "f": "yes",
        "g": ": #",
        "h": None,
        "i": 2.0,
    }
    (tmp_path / "value.yaml").write_text(dump_yaml(value))
    found = read_yaml(tmp_path / "value.yaml")
    assert found == value
    assert [type(item) for item in found.values()] == [type(item) for item in value.values()]
