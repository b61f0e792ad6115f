"""cancel, logs and status --watch, against scripted runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from an_cli.cli import following
from an_cli.store import Store, take
from tests.cli.conftest import Call
from tests.cli.test_ablate import script


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK_S", 0.01)
    monkeypatch.setattr(following, "WATCH_S", 0.01)


def when(ready: object, act: object) -> threading.Thread:
    """Do something, in a thread, once something is so."""

    def wait() -> None:
        while not ready():  # type: ignore[operator]
            time.sleep(0.01)
        act()  # type: ignore[operator]

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_cancel_lets_runs_save_and_the_same_command_continues_them(call: Call, folder: Path) -> None:
    from an_cli.launch.upkeep.cancel import cancel

    script(call, folder, {"hsigmoid": ["wait", "finish"], "softmax": ["wait", "finish"]})
    store = Store(folder)
    told: dict[str, str] = {}

    def act() -> None:
        runs = [store.run(run_id) for run_id in store.run_ids()]
        told.update((run.id, str(word)) for run, word in cancel(runs).items())

    thread = when(lambda: list(folder.glob("runs/*/waiting")), act)
    ended = call("ablate", "tiny", "launch.processes=1")
    thread.join()
    assert sorted(told.values()) == ["held back", "held back", "stopping"]
    assert len(list(folder.glob("runs/*/saved"))) == 1
    assert ended.status == 1
    assert "cancelled: 3. Continue with: an-cli ablate tiny launch.processes=1" in ended.err
    again = call("status", "tiny", "--json").json["cells"]
    assert sorted(cell["status"] for cell in again) == ["interrupted", "waiting", "waiting"]
    (folder / "runs" / again[1]["id"] / "script.json").write_text('["finish"]')
    assert call("ablate", "tiny").status == 0


def test_cancel_names_runs_by_study_label_and_id(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    run = Store(folder).run(call("status", "tiny", "--json").json["cells"][1]["id"])
    assert call("cancel", "tiny").out == "nothing to stop\n"
    run.result.unlink()
    for word in ("tiny", "tiny/gate=softmax", run.id, run.id[:6]):
        assert f"{run.id}  held back" in call("cancel", word).out
    assert {one["told"] for one in call("cancel", "--json").json["runs"]} == {"held back", "nothing to stop"}
    call("ablate", "tiny", "recipe.lr=0.2")
    (variant,) = (folder / "studies").glob("tiny+*/gate=softmax")
    (variant / "result.json").unlink()
    assert f"{variant.resolve().name}  held back" in call("cancel", "tiny").out, (
        "what runs with overrides is of the study"
    )
    ended = call("cancel", "nothing")
    assert ended.status == 1
    assert "no run 'nothing'" in ended.err


def test_cancel_of_a_run_on_another_machine_leaves_word_for_it(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    run = Store(folder).run(call("status", "tiny", "--json").json["cells"][0]["id"])
    run.result.unlink()
    holder = {"host": "elsewhere", "boot": "b", "namespace": "n", "pid": 1, "started": "1"}
    (run.claims / "9").write_text(json.dumps(holder))
    assert "asked" in call("cancel", run.id).out
    assert run.stop.exists()


def test_cancel_of_a_slurm_job_cancels_the_job(folder: Path, call: Call) -> None:
    from an_cli.launch.slurm.intent import Intent
    from an_cli.launch.slurm.scheduler import CommandResult
    from an_cli.launch.upkeep.cancel import CancelOutcome, cancel
    from an_cli.store import Submission, take_submission

    call("ablate", "tiny")
    run = Store(folder).run(call("status", "tiny", "--json").json["cells"][0]["id"])
    run.result.unlink()
    assert take_submission(run, Submission(number=1, token="an-cli-7", task=1, after=()))
    intent = Intent(Store(folder).jobs / "an-cli-7")
    intent.announce("tiny", {})
    intent.prepare("", [[Store(folder).run("other")], [run]])
    intent.accept("41")
    called: list[tuple[str, ...]] = []

    def scheduler(*words: str) -> CommandResult:
        called.append(words)
        return CommandResult(0, "41\n41\n" if words[0] == "squeue" else "")

    assert cancel([run], scheduler) == {run: CancelOutcome.JOB}
    assert called[-1] == ("scancel", "41_1")


def test_logs_prints_a_log_or_its_end(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    run = Store(folder).run(call("status", "tiny", "--json").json["cells"][1]["id"])
    assert call("logs", run.id).out == ""
    run.log.write_text("one\ntwo\nthree")
    assert call("logs", "tiny/gate=softmax").out == "one\ntwo\nthree"
    assert call("logs", run.id, "-n", "1").out == "three"
    assert call("logs", run.id, "--lines", "0").out == ""
    assert call("logs", run.id, "--json").json == {"id": run.id, "log": str(run.log), "lines": ["one", "two", "three"]}
    assert call("logs", run.id, "--json", "-f").status == 2


def test_logs_follows_a_run_to_its_end(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call("ablate", "tiny")
    run = Store(folder).run(call("status", "tiny", "--json").json["cells"][1]["id"])
    run.result.rename(run.path / "kept")
    run.log.write_text("one\n")
    claim = take(run)
    assert claim is not None

    def append() -> None:
        with run.log.open("a") as file:
            file.write("two\n")

    def begin_anew() -> None:
        run.log.write_text("0\n")  # the run was set aside
        (run.path / "kept").rename(run.result)

    deeds = iter([append, begin_anew])
    monkeypatch.setattr(following.time, "sleep", lambda seconds: next(deeds)())
    assert call("logs", run.id, "-f").out == "one\ntwo\n0\n"


def test_status_watch_prints_what_changes_until_nothing_runs(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("ablate", "tiny")
    run = Store(folder).run(call("status", "tiny", "--json").json["cells"][1]["id"])
    run.result.rename(run.path / "kept")
    claim = take(run)
    assert claim is not None
    monkeypatch.setattr(following.time, "sleep", lambda seconds: (run.path / "kept").rename(run.result))
    lines = [json.loads(line) for line in call("status", "tiny", "--watch", "--json").out.splitlines()]
    assert [line["cells"][1]["status"] for line in lines] == ["running", "finished"]
    assert call("status", "tiny", "--watch").out == call("status", "tiny").out


def test_status_watch_draws_over_what_it_drew_before(call: Call, folder: Path) -> None:
    """On a terminal the newest state stands once, and each look begins where the one before began."""
    call("ablate", "tiny")
    store = Store(folder)
    run = store.run(next(iter(store.run_ids())))
    run.result.unlink()
    claim = take(run)
    assert claim is not None
    leader, follower = os.openpty()
    code = (
        "from an_cli.cli import following; following.WATCH_S = 0.05;"
        "from an_cli.cli.__main__ import main; raise SystemExit(main(['status', 'tiny', '--watch']))"
    )
    environment = {**os.environ, "COLUMNS": "100", "LINES": "30", "TERM": "xterm"}
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, cwd=folder, env=environment, stdout=follower, stderr=follower) as watching:
        os.close(follower)
        screen = b""
        while b"running" not in screen:
            screen += os.read(leader, 65536)
        claim.release("stopped by signal 15")
        with suppress(OSError):  # a terminal whose last writer is gone
            while chunk := os.read(leader, 65536):
                screen += chunk
    os.close(leader)
    assert watching.returncode == 0
    text = screen.decode()
    first, last = text.index("running"), text.rindex("interrupted")
    assert first < last
    assert re.search(r"\x1b\[\d*A|\x1b\[2K", text[first:last]), "the cursor goes up, or lines are cleared"
    assert text[last:].count("running") == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["ablate", "tiny", "--seed", "1"], "an-cli: no option --seed (an-cli ablate) -> seeds are words: seed=0,1,2"),
        (["gc", "--force"], "an-cli: no option --force (an-cli gc) -> what it lists is deleted with --delete"),
        (["run", "--epochs=3"], "an-cli: no option --epochs (an-cli run) -> settings are words: recipe.epochs=30"),
    ],
)
def test_an_option_of_other_tools_is_answered_with_what_is_written_here(
    call: Call, folder: Path, words: list[str], hint: str
) -> None:
    ended = call(*words)
    assert ended.status == 2
    assert hint in ended.err
