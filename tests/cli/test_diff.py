from __future__ import annotations

from pathlib import Path

from an_cli.files import read_json, write_json
from tests.cli.conftest import Call


def keys(lines: list[dict[str, object]]) -> list[object]:
    return [line["key"] for line in lines]


def test_two_runs_stand_beside_each_other(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    path = (folder / "studies" / "tiny" / "gate=softmax" / "result.json").resolve()
    result = read_json(path)
    result["last"]["top1_error_pct"] = 21.5
    write_json(path, {**result, "device": "another", "code_tree": "2" * 16})
    value = call("diff", "tiny/baseline", "tiny/gate=softmax", "--json").json
    assert value["config"] == [
        {"key": "norm.attention.gate", "values": ["hsigmoid", "softmax"], "present": [True, True], "equal": False}
    ]
    assert keys(value["environment"]) == ["code_tree"]
    top1 = value["result"][0]
    assert (top1["key"], top1["values"], top1["difference"]) == ("last_top1_error_pct", [20.0, 21.5], 1.5)
    text = call("diff", "tiny/baseline", "tiny/gate=softmax").out
    assert "tiny/gate=softmax" in text
    assert "+1.5000" in text
    assert "softmax" in text.partition("config")[2]
    whole = call("diff", "tiny/baseline", "tiny/gate=softmax", "--all", "--json").json
    assert "recipe.lr" in keys(whole["config"])


def test_keys_of_one_side_only_are_told_from_null(call: Call) -> None:
    call("run", "model=resnet_small", "norm=bn", "recipe=demo", "data=fashion_mnist_small", "launch.device=cpu")
    bn = call("status", "--json").json["cells"][0]["id"]
    value = call("diff", bn, "demo/seed=0", "--json").json
    gate = next(line for line in value["config"] if line["key"] == "norm.attention.gate")
    assert (gate["values"], gate["present"]) == ([None, "hsigmoid"], [False, True])
    assert value["runs"][1]["status"] == "missing", "planned cells can be compared before they are run"
    assert value["result"][0]["difference"] is None


def test_a_run_equals_itself_and_an_unknown_one_is_named(call: Call) -> None:
    call("ablate", "tiny")
    ended = call("diff", "tiny/baseline", "tiny/baseline")
    assert "equal: config and environment" in ended.out
    ended = call("diff", "tiny/baseline", "tiny/gate=softmx")
    assert (ended.status, ended.out) == (1, "")
    assert "did you mean tiny/gate=softmax?" in ended.err
