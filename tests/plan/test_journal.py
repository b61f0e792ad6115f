"""The journal file: torn and foreign lines, a full disk, and turns that pass from the dead to the living."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from an_cli.errors import Fenced, StoreError
from an_cli.plan.journal import JournalFile, decode_lines
from an_cli.plan.trials import read_journal
from an_cli.plan.turn import Turn
from an_cli.store import RunFolder, read_holder, this_process
from tests.plan.surrogate import SPACE, candidates, searching, work

LOG = {"op_code": 2, "worker_id": "w", "study_id": 0, "user_attr": {"a": 1}}
LINE = json.dumps(LOG).encode() + b"\n"


def test_what_is_written_is_read_and_read_on_from_there(tmp_path: Path) -> None:
    file, other = JournalFile(tmp_path / "journal"), JournalFile(tmp_path / "journal")
    assert list(file.read_logs(0)) == []
    other.append_logs([LOG, LOG])
    assert list(file.read_logs(0)) == [LOG, LOG]
    other.append_logs([LOG])
    assert list(file.read_logs(2)) == [LOG]
    assert list(file.read_logs(3)) == []
    assert list(file.read_logs(0)) == [LOG, LOG, LOG], "whoever applied less asks again"
    assert list(file.read_logs(3)) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(LINE) - 1), st.booleans())
def test_a_line_torn_anywhere_spoils_itself_only(tmp_path_factory: Any, cut: int, foreign: bool) -> None:
    path = tmp_path_factory.mktemp("torn") / "journal"
    reader = JournalFile(path)
    JournalFile(path).append_logs([LOG])
    with path.open("ab") as file:
        file.write((b"[1, 2]\nnot json\n" if foreign else b"") + LINE[:cut])
    assert list(reader.read_logs(0)) == [LOG]
    JournalFile(path).append_logs([LOG])
    assert list(reader.read_logs(1)) == [LOG]
    assert reader.skipped == (2 if foreign else 0) + bool(cut)
    assert list(JournalFile(path).read_logs(0)) == [LOG, LOG], "everybody skips the same lines"


@pytest.mark.parametrize(
    "line",
    [b"null", b"{}", b'{"op_code": 4}', b'{"op_code": 99, "worker_id": "w"}', b'{"op_code": "4"}', b"\xff", b"1"],
)
def test_what_is_no_line_of_a_journal_is_skipped_and_counted(line: bytes) -> None:
    assert decode_lines(LINE + line + b"\n" + LINE) == ([LOG, LOG], 1)


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    file = JournalFile(path)
    file.append_logs([LOG])
    real = os.write

    def full(descriptor: int, data: Any) -> int:
        if len(data) > 10:
            return real(descriptor, bytes(data)[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: full(fd, bytes(data)[: min(len(data), 15)]))
        with pytest.raises(StoreError, match="No space left"):
            file.append_logs([LOG])
    assert path.read_bytes().count(b"\n") == 1
    assert list(JournalFile(path).read_logs(0)) == [LOG]


def test_a_turn_passes_from_the_dead_to_the_living_and_the_late_write_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from an_cli.plan.turn import Turn\n"
        "with Turn(Path(sys.argv[1])).taken(): os._exit(9)"
    )
    turn = Turn(tmp_path / "search")
    assert subprocess.run([sys.executable, "-c", code, str(turn.folder)], check=False).returncode == 9
    with turn.taken() as late:
        file = JournalFile(tmp_path / "journal", late.check)
        file.append_logs([LOG])
        (turn.folder / "claims" / str(late.number + 1)).write_text("{}")  # another one has taken it meanwhile
        with pytest.raises(Fenced):
            file.append_logs([LOG])
    assert list(file.read_logs(0)) == [LOG]


def test_a_living_holder_is_waited_for_and_named(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from an_cli.plan.turn import Turn\n"
        "with Turn(Path(sys.argv[1])).taken(): print('held', flush=True); sys.stdin.read()"
    )
    folder = tmp_path / "search"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(StoreError, match=f"process {process.pid} on"), Turn(folder, patience_s=0.2).taken():
        pass
    process.stdin.close()
    process.wait()
    process.stdout.close()
    with Turn(folder, patience_s=5.0).taken():
        pass


def test_a_turn_that_could_not_be_let_go_is_still_its_holder_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn(tmp_path / "search", patience_s=0.2)

    def full(*words: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        with turn.taken() as first:
            patch.setattr(os, "replace", full)
        assert read_holder(RunFolder(turn.folder)) == this_process()
    with turn.taken() as again:
        assert again.number == first.number, "nobody else could take it"
    with turn.taken() as next_one:
        assert next_one.number == first.number + 1


def test_a_search_goes_on_over_torn_and_foreign_lines(tmp_path: Path) -> None:
    search = searching(tmp_path)
    work(search, steps=5)
    path = search.folder / "journal.log"
    with path.open("ab") as file:
        file.write(b'not a line\n{"op_code": 6, "trial_id": 2, "wor')
    other = searching(tmp_path)
    work(other, steps=3)
    work(search)
    trials = read_journal(path, "tried", search.candidates.space)
    assert trials.skipped == 2
    assert len(trials.all) == len(trials.finished) == 12
    assert search.file.skipped == other.file.skipped == 2


def test_a_journal_of_another_search_is_one_clear_line(tmp_path: Path) -> None:
    search = searching(tmp_path)
    work(search, steps=2)
    space = candidates(space={"recipe.lr": SPACE["recipe.lr"]}).space
    with pytest.raises(StoreError, match="--rebuild"):
        read_journal(search.folder / "journal.log", "tried", space)
