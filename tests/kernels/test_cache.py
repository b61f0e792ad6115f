"""Where compiled kernels lie, who compiles them, and what is said where there are none."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from an_cli.kernels import Missing, prepare, state
from an_cli.kernels import cache as kernel_cache
from an_cli.kernels.library import Library


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for kernels without any."""
    for name in ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AN_CLI_KERNELS", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def _compiler(monkeypatch: pytest.MonkeyPatch, *, status: int = 0) -> list[list[str]]:
    """A compiler that writes down its calls, and a file where it succeeds."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if status == 0:
            Path(command[-2]).write_bytes(b"object")
        return subprocess.CompletedProcess(command, status, "", "Traceback\nValueError: no such thing\n")

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_kernels_are_compiled_once(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _compiler(monkeypatch)
    assert state("fp32").startswith("not compiled yet")
    assert prepare("fp32") == prepare("fp32")
    assert len(calls) == 1
    assert state("fp32").startswith("compiled for ")
    assert [path.suffix for path in sorted(empty.iterdir())] == [".lock", ".o"]


def test_a_job_of_a_scheduler_compiles_nothing_and_says_what_to_do(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _compiler(monkeypatch)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with pytest.raises(Missing, match="not in a job: run `an-cli doctor`"):
        prepare("fp32")
    assert not calls
    monkeypatch.delenv("SLURM_JOB_ID")
    file = prepare("fp32")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert prepare("fp32") == file


def test_a_compiler_that_fails_is_quoted(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _compiler(monkeypatch, status=1)
    with pytest.raises(Missing, match="compiling failed: ValueError: no such thing"):
        prepare("fp32")


def test_a_folder_that_cannot_be_written_is_named(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty.parent.joinpath("file").touch()
    monkeypatch.setenv("AN_CLI_KERNELS", str(empty.parent / "file" / "kernels"))
    with pytest.raises(Missing, match="file/kernels cannot be written"):
        prepare("fp32")


@pytest.mark.parametrize(("machine", "why"), [("riscv64", "of kind riscv64"), ("x86_64", "without avx2")])
def test_other_processors_have_none(machine: str, why: str, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_cache.platform, "machine", lambda: machine)
    monkeypatch.setattr(kernel_cache, "_flags", lambda: {"fma", "sse2"})
    kernel_cache.target.cache_clear()
    try:
        assert why in state("fp32")
    finally:
        kernel_cache.target.cache_clear()


def test_a_file_that_is_no_code_is_named(tmp_path: Path) -> None:
    file = tmp_path / "fp32.o"
    file.write_bytes(b"not an object file, and longer than a checksum")
    with pytest.raises(Missing, match=r"fp32\.o is damaged: remove it"):
        Library(file)
    with pytest.raises(Missing, match="cannot be read: No such file"):
        Library(tmp_path / "none.o")
