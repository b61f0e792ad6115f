"""Small stores on disk for the page: runs of one study in every state, and hostile names everywhere a name can be."""

from __future__ import annotations

import json
from pathlib import Path

from an_cli.plan import Cell
from an_cli.store import RunFolder, Store
from tests.report.by_hand import attempt, cell, result_json, write_run

HOSTILE = (
    "</script><script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    "<svg onload=window.hit=1>",
    "--><script>window.hit=1</script><!--",
    '"onmouseover="window.hit=1',
    "javascript:window.hit=1",
    "{{7*7}}${window.hit=1}",
    "\u202e\u2028\u2029\x00\x1b[31m",
    "&lt;script&gt;",
    "__proto__",
    "\ud800",
)


def metrics(*errors: float) -> str:
    """Text of metrics.jsonl."""
    fixed = {"epochs": len(errors), "kind": "epoch", "lr": 0.1, "steps": 10 * len(errors), "elapsed_s": 1.0}
    return "".join(
        json.dumps(
            {**fixed, "epoch": index, "step": 10 * (index + 1), "top1_error_pct": error, "top5_error_pct": error / 10,
             "loss": error / 20, "eval_loss": error / 25}
        ) + "\n"
        for index, error in enumerate(errors)
    )  # fmt: skip


def write_finished(store: Store, one: Cell, *errors: float) -> RunFolder:
    """A finished run whose last error is the last one given."""
    line = json.dumps({**vars(attempt())}) + "\n"
    write_run(
        store, one, {"metrics.jsonl": metrics(*errors), "env.jsonl": line, "result.json": result_json(errors[-1])}
    )
    return store.run(one.id)


def small_store(root: Path) -> Store:
    """Three designs of two seeds each, finished; one run that waits, one that is damaged."""
    store = Store(root)
    designs = {"": 20.0, "norm.attention.gate=softmax": 22.0, "norm.attention.squeeze=mean": 21.0}
    for design, error in designs.items():
        for seed in (0, 1):
            one = cell(*([design] if design else []), f"seed={seed}")
            run = write_finished(store, one, 50.0, 30.0, error + seed / 4)
            store.link("by hand", ",".join([*([design.split(".")[-1]] if design else []), f"seed={seed}"]), run)
    waiting, damaged = cell("recipe.lr=0.9"), cell("recipe.lr=0.8")
    write_run(store, waiting, {})
    write_finished(store, damaged, 9.0)
    store.run(damaged.id).result.write_text("{torn")
    return store


def hostile_store(root: Path) -> Store:
    """Runs, studies, labels, errors, configs and machines with names that would be code."""
    store = small_store(root)
    for index, text in enumerate(HOSTILE):
        safe = text.replace("/", "\u2044").replace("\x00", "").encode(errors="surrogatepass").decode(errors="replace")
        one = cell(f"recipe.lr=0.{index + 1}1")
        run = write_finished(store, one, 40.0, 30.0 + index)
        store.link(safe or "x", safe or "x", run)
        value = json.loads(run.cell.read_text())
        value["choices"] = {text: text, "model": text}
        run.cell.write_text(json.dumps(value))
        line = {**vars(attempt()), "host": text, "device": text, "commit": text, "code_tree": text}
        run.attempts.write_text(json.dumps(line) + "\n")
        other = cell(f"recipe.lr=0.{index + 1}2")
        write_run(store, other, {"error.txt": safe})
        store.run(other.id).cell.write_text(json.dumps({"config": {text: text}, "choices": {}}))
    return store
