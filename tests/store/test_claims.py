"""One writer per run folder: who may take a claim, who is taken for dead, who is fenced."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.errors import Fenced, StoreError
from an_cli.store import Claim, Life, RunFolder, Submission, life, newest_claim, take, take_submission
from an_cli.store.claims import HEARTBEAT_S, SILENT_S, this_process

Hold = Callable[..., None]
CONTENDERS, ROUNDS = 16, 40

# Each contender waits for "go", tries every folder in turn and stays alive until its standard input closes: the holder
# of a claim must not die while others still try.
_CONTEND = """
import sys
from collections.abc import Callable
from pathlib import Path
from an_cli.store import RunFolder, take
folders = [RunFolder(path) for path in sorted(Path(sys.argv[1]).iterdir())]
print("ready", flush=True)
sys.stdin.readline()
print(*(claim.number if (claim := take(run)) else 0 for run in folders), flush=True)
sys.stdin.read()
"""


def _contend(folder: Path) -> list[list[int]]:
    """What each of many simultaneous processes got for each folder: a claim's number, or 0."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _CONTEND, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(CONTENDERS)
    ]
    pipes = [(child.stdin, child.stdout) for child in children if child.stdin and child.stdout]
    try:
        assert [out.readline() for _, out in pipes] == ["ready\n"] * CONTENDERS
        for stdin, _ in pipes:
            stdin.write("go\n")
            stdin.flush()
        return [[int(word) for word in out.readline().split()] for _, out in pipes]
    finally:
        for child in children:
            child.communicate()


def _gone() -> int:
    """The number of a process that has just ended."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_exactly_one_of_many_simultaneous_processes_takes_a_claim(tmp_path: Path) -> None:
    """Half of the folders are new, half are held by a dead process; each has one winner, with the next number."""
    for index in range(ROUNDS):
        claims = tmp_path / f"{index:02}" / "claims"
        claims.mkdir(parents=True)
        if index % 2:
            dead = {**vars(this_process()), "pid": _gone(), "started": "1"}
            (claims / "4").write_text(json.dumps(dead))
    taken = _contend(tmp_path)
    assert len(taken) == CONTENDERS
    for index, column in enumerate(zip(*taken, strict=True)):
        assert Counter(column) == {0: CONTENDERS - 1, 5 if index % 2 else 1: 1}
        left = sorted(path.name for path in (tmp_path / f"{index:02}" / "claims").iterdir())
        assert left == ["5" if index % 2 else "1"]


def test_the_first_claim_of_a_folder_is_number_1(run: RunFolder) -> None:
    claim = take(run)
    assert claim == Claim(run, 1)
    claim.check()
    assert life(run) is Life.ALIVE


def test_a_folder_without_a_claim_has_no_holder(run: RunFolder) -> None:
    assert (newest_claim(run), life(run)) == (0, Life.DEAD)


def test_a_live_holder_keeps_its_claim_however_long_it_is_silent(run: RunFolder, hold: Hold) -> None:
    hold(3, silent_s=10 * SILENT_S)
    assert life(run) is Life.ALIVE
    assert take(run) is None
    assert newest_claim(run) == 3


def test_a_dead_holder_is_replaced_and_its_claim_removed(run: RunFolder, hold: Hold) -> None:
    hold(3, pid=_gone())
    claim = take(run)
    assert claim == Claim(run, 4)
    assert os.listdir(run.claims) == ["4"]


def test_a_zombie_is_dead(run: RunFolder, hold: Hold) -> None:
    child = subprocess.Popen([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended and nobody has collected it
    hold(1, pid=child.pid)
    assert life(run) is Life.DEAD
    child.communicate()


def test_a_process_that_reuses_the_holder_s_number_is_not_taken_for_it(run: RunFolder, hold: Hold) -> None:
    hold(1, started=str(int(this_process().started) - 1))
    assert life(run) is Life.DEAD
    assert take(run) == Claim(run, 2)


def test_a_holder_before_a_reboot_is_dead(run: RunFolder, hold: Hold) -> None:
    hold(1, boot="another", silent_s=3 * HEARTBEAT_S + 1)
    assert life(run) is Life.DEAD


def test_another_machine_of_the_same_name_with_a_fresh_heartbeat_is_not_taken_for_a_reboot(
    run: RunFolder, hold: Hold
) -> None:
    hold(1, boot="another")
    assert take(run) is None


@pytest.mark.parametrize("elsewhere", [{"host": "node7"}, {"namespace": "pid:[1]"}])
@pytest.mark.parametrize(
    ("silent_s", "expected"),
    [(0, Life.ALIVE), (2 * HEARTBEAT_S, Life.ALIVE), (SILENT_S / 2, Life.UNKNOWN), (SILENT_S + 5, Life.DEAD)],
)
def test_a_holder_elsewhere_is_judged_by_its_heartbeat(
    elsewhere: dict[str, str], silent_s: float, expected: Life, run: RunFolder, hold: Hold
) -> None:
    hold(1, silent_s=silent_s, **elsewhere)
    assert life(run) is expected
    assert (take(run) is None) == (expected is not Life.DEAD)


def test_a_heartbeat_renews_the_claim(run: RunFolder) -> None:
    claim = take(run)
    assert claim is not None
    os.utime(run.claims / "1", (0, 0))
    claim.beat()
    assert (run.claims / "1").stat().st_mtime > 1_000_000_000


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"host": "a"}', "\x00"])
def test_a_damaged_claim_is_unknown_and_not_taken_over(text: str, run: RunFolder) -> None:
    run.claims.mkdir()
    (run.claims / "1").write_text(text)
    assert life(run) is Life.UNKNOWN
    assert take(run) is None


def test_parts_and_strange_files_are_no_claims(run: RunFolder) -> None:
    run.claims.mkdir()
    (run.claims / ".claim.1234.part").write_text("")
    (run.claims / "README").write_text("")
    assert newest_claim(run) == 0
    assert take(run) == Claim(run, 1)


def test_claims_are_ordered_as_numbers(run: RunFolder, hold: Hold) -> None:
    for number in (2, 9, 10):
        hold(number)
    assert newest_claim(run) == 10


def test_an_attempt_that_finds_a_newer_claim_is_fenced(run: RunFolder, hold: Hold) -> None:
    claim = take(run)
    assert claim is not None
    hold(2)
    with pytest.raises(Fenced, match="attempt 1 found attempt 2") as caught:
        claim.check()
    assert caught.value.where == run.id


def test_an_attempt_whose_folder_is_gone_is_fenced(run: RunFolder) -> None:
    claim = take(run)
    assert claim is not None
    (run.claims / "1").unlink()
    with pytest.raises(Fenced, match="attempt 1 found no claim"):
        claim.check()
    with pytest.raises(Fenced):
        claim.beat()


def test_old_news_wins_no_claim(run: RunFolder, hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    """A contender that looked before any claim existed, and acts after number 1 came and went, must not get it."""
    hold(2)
    answers = iter([0])
    monkeypatch.setattr("an_cli.store.claims.newest_claim", lambda run: next(answers, newest_claim(run)))
    assert take(run) is None


def test_a_folder_that_cannot_be_written_is_said(run: RunFolder) -> None:
    run.claims.write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="cannot write claim"):
        take(run)


def test_a_claim_that_cannot_be_read_is_given_up_once_it_has_been_silent(run: RunFolder) -> None:
    run.claims.mkdir()
    torn = run.claims / "1"
    torn.write_bytes(b"")  # a power cut may leave the name without the bytes
    assert life(run) is Life.UNKNOWN
    assert take(run) is None
    os.utime(torn, (time.time() - SILENT_S - 5,) * 2)
    assert life(run) is Life.DEAD
    claim = take(run)
    assert claim is not None
    assert claim.number == 2


def test_a_heartbeat_is_counted_on_the_disks_clock_whatever_this_host_thinks(
    run: RunFolder, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = time.time
    for ahead_s in (10 * SILENT_S, -10 * SILENT_S):
        hold(1, host="node7")
        monkeypatch.setattr(time, "time", lambda ahead_s=ahead_s: here() + ahead_s)
        assert life(run) is Life.ALIVE
        assert take(run) is None
        os.utime(run.claims / "1", (here() - SILENT_S - 5,) * 2)
        assert life(run) is Life.DEAD


def test_a_link_whose_answer_was_lost_is_ours(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def twice(part: Path, name: Path) -> None:
        link(part, name)
        link(part, name)  # what a client sends again, and is refused

    monkeypatch.setattr(os, "link", twice)
    claim = take(run)
    assert claim is not None
    claim.check()
    claim.release()
    submission = Submission(number=1, token="0" * 12, task=0, after=())
    assert take_submission(run, submission)
    monkeypatch.setattr(os, "link", link)
    assert not take_submission(run, submission)


def test_a_disk_that_does_not_answer_fences_nobody(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = take(run)
    assert claim is not None
    monkeypatch.setattr("an_cli.store.claims._AGAIN_S", (0.0, 0.0))
    listing, stale = os.listdir, iter([True, True, False])

    def once_stale(path: object) -> list[str]:
        if next(stale, False):
            raise OSError(errno.ESTALE, "Stale file handle")
        return listing(path)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "listdir", once_stale)
    claim.check()
    monkeypatch.setattr(os, "listdir", _stale)
    with pytest.raises(StoreError, match="cannot be listed: Stale file handle"):
        claim.check()
    assert life(run) is Life.UNKNOWN
    with pytest.raises(StoreError):
        take(run)


def _stale(path: object) -> list[str]:
    raise OSError(errno.ESTALE, "Stale file handle")
