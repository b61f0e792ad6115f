"""What a user can get wrong: one line with what, where and what now, and the right exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from an_cli.cli.__main__ import main
from an_cli.cli.study import print_json
from tests.cli.conftest import Call


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plan", "tabel1"], "unknown study 'tabel1'"),
        (["plan", "tabel1"], "did you mean table1?"),
        (["plan", "tiny", "recipe.epoch=3"], "unknown key 'recipe.epoch'"),
        (["plan", "tiny", "recipe.epoch=3"], "did you mean recipe.epochs?"),
        (["plan", "tiny", "model=resnet5"], "unknown model 'resnet5'"),
        (["plan", "tiny", "norm.attention.head=a3"], "'a3' is not a legal word"),
        (["plan", "tiny", "norm.attention.components=[1,2,3]"], "the model has 4 stages"),
        (["plan", "tiny", "epochs"], "'epochs' is not an override"),
        (["plan", "two"], "2 baselines: a; b"),
        (["ablate", "tiny", "launch.processes=0"], "0 is below 1 (launch.processes)"),
        (["ablate", "tiny", "launch.process=1"], "unknown key 'launch.process'"),
        (["run", "data.folder=null"], "data.folder"),
        (["ablate", "--as", "a/b", "norm=bn,gn"], "'a/b' cannot name a study"),
        (["ablate", "--as", "x", "norm=bn"], "nothing varies"),
        (["show", "deadbeef"], "no run 'deadbeef'"),
        (["evaluate", "nothere.pth"], "no such file (nothere.pth)"),
        (
            ["run", "recipe=demo", "model=resnet_small", "data=synthetic", "launch.ranks=3"],
            "3 processes for 1 replicas",
        ),
        (["show", "model", "norm=itself"], "a file in conf/ includes itself"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_one(words: list[str], message: str, call: Call, folder: Path) -> None:
    rows = [{"label": "a", "baseline": True}, {"label": "b", "baseline": True}]
    (folder / "sweeps" / "two.yaml").write_text(json.dumps({"rows": rows}))
    (folder / "conf" / "norm").mkdir(parents=True)
    (folder / "conf" / "norm" / "itself.yaml").write_text("defaults: [itself, _self_]\n")
    ended = call(*words)
    assert (ended.status, ended.out) == (1, "")
    assert message in ended.err
    assert ended.err.startswith("an-cli: ")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "what", "now"),
    [
        (["plann"], "no such verb 'plann' (an-cli)", "did you mean plan?"),
        (["data", "verfy"], "no such verb 'verfy' (an-cli data)", "did you mean verify?"),
        (["plan"], "STUDY is missing (an-cli plan)", "an-cli plan demo"),
        (["figure"], "KIND is missing (an-cli figure)", "an-cli figure"),
        (["plan", "tiny", "--jsn"], "no option --jsn (an-cli plan)", "did you mean --json?"),
        (["plan", "tiny", "-z"], "no option -z (an-cli plan)", "settings are words: KEY=VALUE"),
        (["gc", "--force"], "no option --force (an-cli gc)", "--delete"),
        (["archive", "tiny", "--force"], "no option --force (an-cli archive)", "--yes"),
        (["ablate", "tiny", "--seed", "0,1"], "no option --seed (an-cli ablate)", "seed=0,1,2"),
        (["run", "--epochs=3"], "no option --epochs (an-cli run)", "recipe.epochs=30"),
        (["ablate"], "name one first (", "see: an-cli ablate -h"),
        (["ablate", "seed=1"], "name one first (", "see: an-cli ablate -h"),
        (["report", "tiny", "-f", "pdf"], "'pdf' is not one of", "see: an-cli report -h"),
        (["logs", "x", "-n", "abc"], "'abc' is no whole number (an-cli logs --lines)", "see: an-cli logs -h"),
        (["logs", "x", "--lines=1.5"], "'1.5' is no whole number (an-cli logs --lines)", "see: an-cli logs -h"),
        (["show", "abc", "seed=1"], "'seed=1': a run takes no overrides (an-cli show KEY=VALUE)", "an-cli show -h"),
        (["gc", "extra"], "nothing is known of 'extra' here (an-cli gc)", "see: an-cli gc -h"),
        (["status", "--watch=x"], "'--watch' does not take a value (an-cli status)", "see: an-cli status -h"),
        (["ablate", "tiny", "--as"], "'--as' requires an argument (an-cli ablate)", "see: an-cli ablate -h"),
    ],
)
def test_wrong_usage_is_one_line_of_ours_and_exit_status_two(words: list[str], what: str, now: str, call: Call) -> None:
    ended = call(*words)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("an-cli: ")
    assert ended.err.count("\n") == 1
    about, arrow, remedy = ended.err.partition(" -> ")
    assert what in about
    assert arrow
    assert now in remedy


@pytest.mark.parametrize("words", [[], ["data"]])
def test_a_group_alone_prints_its_help(words: list[str], call: Call) -> None:
    ended = call(*words)
    assert ended.status == 2
    assert "Usage: an-cli" in ended.err + ended.out


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "st\udcffudy"], ["status", "st\udcffudy"], ["logs", "x\udcff"], ["tag", "x\udcff", "+a"],
        ["run", "--config", "c\udcff.yaml"], ["run", "data=d\udcff"], ["show", "model", "norm=\udcff"],
        ["figure", "curves", "x\udcff"], ["paper", "show", "x\udcff"],
        ["evaluate", "w\udcff.pt"], ["plan", "tiny", "--\udcff"], ["archive", "x\udcff"], ["retry", "s\udcff"],
    ],
)  # fmt: skip
def test_a_name_that_is_no_utf8_is_shown_in_the_error(words: list[str], call: Call) -> None:
    ended = call(*words)
    assert ended.status in (1, 2)
    assert r"\xff" in ended.err.splitlines()[-1]
    assert "udcff" not in ended.err


def test_json_keeps_a_name_that_is_no_utf8_for_who_reads_it(
    call: Call, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = folder / "st\udcffore"
    shown = call("report", "tiny", "--store", str(store))
    assert "st\\xffore" in shown.err
    print_json({"path": str(store)})
    printed = capsys.readouterr().out
    printed.encode()
    assert json.loads(printed) == {"path": str(store)}


def test_a_newer_store_is_refused(call: Call, folder: Path) -> None:
    (folder / ".an-cli").mkdir()
    (folder / ".an-cli" / "store.json").write_text('{"version": 99}')
    ended = call("status")
    assert ended.status == 1
    assert "upgrade an-cli" in ended.err


def test_any_other_exception_keeps_its_traceback(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("an_cli.cli.study.ask_study", broken)
    with pytest.raises(ZeroDivisionError, match="ours"):
        main(["plan", "tiny"])


def test_a_reader_that_leaves_early_is_no_error(folder: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "an_cli", "status"], stdout=write_end, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write_end)
    assert done.stderr == ""


def test_the_version_and_the_help(call: Call) -> None:
    import an_cli

    assert call("--version").out == f"an-cli {an_cli.__version__}\n"
    text = call("--help").out
    assert all(verb in text for verb in ("plan", "ablate", "run", "status", "show", "report"))


def test_output_without_room_is_said_in_one_line(folder: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "an_cli", "plan", "tiny", "--no-costs"]
        done = subprocess.run(command, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "an-cli: cannot print: No space left on device -> send the output to where there is room\n"


def test_a_site_does_not_take_the_name_of_a_launch_group_that_ships(call: Call, folder: Path) -> None:
    ended = call("doctor", "--write-site", "local")
    assert ended.status == 2
    assert "there is a launch group 'local'" in ended.err
    assert not (folder / "conf").exists()


def test_the_command_that_comes_back_names_the_store(call: Call, folder: Path) -> None:
    """As it is printed where finished cells were made by other code, or a command was stopped."""
    call("ablate", "tiny", "--store", "away")
    result = next((folder / "away" / "runs").glob("*/result.json"))
    result.write_text(result.read_text().replace('"code_tree": "', '"code_tree": "f'))
    said = call("ablate", "tiny", "--store", "away").err
    assert "run again with: an-cli ablate tiny --store away --rerun changed" in said
