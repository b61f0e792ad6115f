"""Who may send a run: one mirror at a time, and none is kept waiting by one that is gone; and what the ledger keeps."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from an_cli.errors import StoreError
from an_cli.store import RunFolder, Store, newest_claim, take, this_process
from an_cli.store.claims import SILENT_S
from an_cli.store.sent import Sent, failed, is_whole, read_sent, record
from an_cli.tracking.ledger import beat, sending

GONE = {"pid": 2**22 + 1, "started": "1"}
ELSEWHERE = {"host": "node7", "boot": "other"}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = Store(tmp_path).run("0" * 16)
    run.path.mkdir(parents=True)
    return run


@pytest.fixture
def mark(run: RunFolder) -> Callable[..., Path]:
    """The mark of some mirror, as it would have left it."""

    def put(number: int = 1, *, silent_s: float = 0.0, text: str | None = None, **changes: object) -> Path:
        run.claims.mkdir(exist_ok=True)
        path = run.claims / f"mirror-{number}"
        path.write_text(json.dumps(asdict(replace(this_process(), **changes))) if text is None else text)
        then = time.time() - silent_s
        os.utime(path, (then, then))
        return path

    return put


def marks(run: RunFolder) -> list[str]:
    return sorted(path.name for path in run.claims.iterdir())


def test_one_mirror_at_a_time_sends(run: RunFolder) -> None:
    with sending(run) as first:
        assert first
        with sending(run) as second:
            assert not second
        assert marks(run) == ["mirror-1"]
    assert marks(run) == []
    with sending(run) as third:
        assert third


def test_the_mark_is_no_claim_of_an_attempt(run: RunFolder) -> None:
    with sending(run):
        assert newest_claim(run) == 0
        claim = take(run)
        assert claim is not None
        claim.check()
    claim.check()


@pytest.mark.parametrize(
    ("left", "may_send"),
    [
        ({**GONE}, True),
        ({**ELSEWHERE, "silent_s": 2 * SILENT_S}, True),
        ({**ELSEWHERE, "silent_s": 1.0}, False),
        ({**ELSEWHERE, "silent_s": SILENT_S / 2}, False),
        ({"text": "{"}, False),
        ({"text": "{", "silent_s": 2 * SILENT_S}, True),
        ({"text": "[]", "silent_s": 2 * SILENT_S}, True),
    ],
    ids=["gone", "silent node", "node", "quiet node", "torn", "torn long ago", "no holder"],
)
def test_a_mark_counts_as_long_as_its_mirror_may_live(
    run: RunFolder, mark: Callable[..., Path], left: dict[str, object], may_send: bool
) -> None:
    mark(7, **left)
    with sending(run) as ours:
        assert ours is may_send
        assert marks(run) == (["mirror-8"] if may_send else ["mirror-7"])


def test_a_beat_keeps_a_mark_alive(run: RunFolder, mark: Callable[..., Path]) -> None:
    path = mark(**ELSEWHERE, silent_s=2 * SILENT_S)
    beat(run)
    assert time.time() - path.stat().st_mtime < SILENT_S
    with sending(run) as ours:
        assert not ours


def test_who_took_a_number_while_another_came_and_went_gives_way(
    run: RunFolder, mark: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from an_cli.tracking import ledger

    mark(1, **GONE)
    real = ledger.link_once

    def late(part: Path, own: Path) -> bool:
        (run.claims / "mirror-1").unlink()
        mark(1)  # of a mirror that found no mark at all, and lives
        return real(part, own)

    monkeypatch.setattr(ledger, "link_once", late)
    with sending(run) as ours:
        assert not ours
    assert marks(run) == ["mirror-1"]


def _contend(folder: str, barrier: object, sums: object) -> None:
    run = RunFolder(Path(folder))
    barrier.wait()  # type: ignore[attr-defined]
    for _ in range(60):
        with sending(run) as ours:
            if ours:
                owner = run.path / "owner"
                owner.touch(exist_ok=False)  # two at once: FileExistsError
                sums.value += 1  # type: ignore[attr-defined]
                owner.unlink()


def test_mirrors_that_contend_never_send_together(run: RunFolder) -> None:
    context = multiprocessing.get_context("fork")
    barrier, sums = context.Barrier(4), context.Value("i", 0)
    crowd = [context.Process(target=_contend, args=(str(run.path), barrier, sums)) for _ in range(4)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(60)
    assert [process.exitcode for process in crowd] == [0] * 4
    assert sums.value >= 4
    assert marks(run) == []


def test_a_folder_that_cannot_be_written_is_one_line(run: RunFolder) -> None:
    run.claims.write_text("a file in the folder's place")
    with pytest.raises(StoreError, match="mirror-1"), sending(run):
        pass


def test_the_ledger_keeps_each_destination(run: RunFolder) -> None:
    sent = Sent(id="a-2", url="https://w/a-2", claim=3, points=7, whole=True)
    record(run, "wandb online h/p", sent)
    record(run, "tensorboard", Sent(id="t", claim=1))
    failed(run, "wandb online h/p", "no network")
    assert read_sent(run) == {
        "wandb online h/p": replace(sent, whole=False, error="no network"),
        "tensorboard": Sent(id="t", claim=1),
    }


def test_what_was_sent_holds_for_the_attempt_that_was_sent(run: RunFolder) -> None:
    claim = take(run)
    assert claim is not None
    record(run, "tensorboard", Sent(claim=1, whole=True))
    assert is_whole(run, "tensorboard")
    claim.release()
    assert take(run) is not None
    assert not is_whole(run, "tensorboard")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tensorboard": 3}', '{"tensorboard": {"unknown": 1}}', "\udcff"])
def test_a_ledger_that_does_not_read_is_an_empty_one(run: RunFolder, text: str) -> None:
    run.tracking.write_bytes(text.encode(errors="surrogateescape"))
    assert read_sent(run) == {}
    record(run, "tensorboard", Sent(id="t"))
    assert read_sent(run) == {"tensorboard": Sent(id="t")}


def test_a_ledger_that_cannot_be_written_stops_nothing(run: RunFolder) -> None:
    run.tracking.mkdir()
    record(run, "tensorboard", Sent(id="t"))
    assert read_sent(run) == {}
