"""The double of the W&B service: the real SDK runs against it, and what it sends is what the double keeps."""

from __future__ import annotations

import json
import math
import time

import pytest

from tests.tracking.conftest import Sdk
from tests.tracking.graphql import Answering, BadDocument, parse
from tests.tracking.wandb_service import Service

RUN = """
    import sys, wandb
    run = wandb.init(
        project="p", id=sys.argv[1], resume="allow", group="table1", job_type="train", name="RSD + A2", notes="a note",
        tags=["an_bn", "seed 0"],
        config={"norm": {"attention": {"gate": "softmax", "components": [10, 20]}}, "seed": 0},
    )
    run.define_metric("epoch")
    run.define_metric("evaluation/*", step_metric="epoch")
    first, last, code = map(int, sys.argv[2:5])
    for step in range(first, last):
        run.log({"loss": 1 / (step + 1), "nested": {"lr": 0.5}, "odd": float("nan")}, step=step)
    run.log({"evaluation/top1": 3.5, "epoch": last // 100}, step=last)
    run.summary["best"] = 2.5
    run.finish(exit_code=code)
"""


def test_what_the_sdk_sends_is_kept(service: Service, sdk: Sdk) -> None:
    sdk(RUN, "r1", "0", "200", "0")
    run = service.runs["lab", "p", "r1"]
    assert run.config == {"norm": {"attention": {"gate": "softmax", "components": [10, 20]}}, "seed": 0}
    assert (run.group, run.job_type, run.name, run.notes) == ("table1", "train", "RSD + A2", "a note")
    assert run.tags == ["an_bn", "seed 0"]
    assert [row["_step"] for row in run.history] == list(range(201))
    assert [row["loss"] for row in run.history[:-1]] == [1 / (step + 1) for step in range(200)]
    assert math.isnan(run.history[7]["odd"])
    assert run.history[7]["nested"] == {"lr": 0.5}
    assert run.history[-1]["evaluation/top1"] == 3.5
    assert (run.summary["best"], run.summary["loss"]) == (2.5, 1 / 200)
    assert (run.state, run.exit_code, run.inits, run.overwritten) == ("finished", 0, 1, [])
    assert any(metric.get("2") == "evaluation/*" for metric in run.internal["m"])
    assert not service.missing


def test_a_resumed_run_goes_on_where_it_ended(service: Service, sdk: Sdk) -> None:
    sdk(RUN, "r1", "0", "50", "3")
    run = service.runs["lab", "p", "r1"]
    assert (run.state, run.exit_code) == ("failed", 3)
    sdk(RUN, "r1", "51", "100", "0")
    assert [row["_step"] for row in run.history] == list(range(101))
    assert (run.state, run.exit_code, run.inits, run.overwritten) == ("finished", 0, 2, [])


def test_a_run_that_starts_again_without_resuming_has_its_steps_twice(service: Service, sdk: Sdk) -> None:
    """The double must tell a run with every step once from one that a second start logged again."""
    sdk(RUN, "r1", "0", "10", "0")
    sdk(RUN.replace('resume="allow", ', ""), "r1", "5", "10", "0")
    assert [row["_step"] for row in service.runs["lab", "p", "r1"].history] == [*range(11), *range(5, 11)]


def test_files_and_artifacts_arrive_byte_for_byte(service: Service, sdk: Sdk) -> None:
    sdk(
        """
        import pathlib, wandb
        run = wandb.init(project="p", id="r1")
        pathlib.Path("table.html").write_text("<table>")
        pathlib.Path("correct.bin").write_bytes(bytes(range(256)))
        run.save("table.html", policy="now")
        artifact = wandb.Artifact("records", "records", metadata={"cell": "r1"})
        artifact.add_file("correct.bin")
        artifact.add_file("table.html", name="inside/table.html")
        run.log_artifact(artifact, aliases=["final"])
        run.finish()
        """
    )
    run = service.runs["lab", "p", "r1"]
    assert run.files["table.html"] == b"<table>"
    (artifact,) = [each for each in run.artifacts if each.type == "records"]
    assert (artifact.collection, artifact.state, artifact.metadata) == ("records", "COMMITTED", {"cell": "r1"})
    assert artifact.files == {"correct.bin": bytes(range(256)), "inside/table.html": b"<table>"}
    assert sorted(artifact.entries) == ["correct.bin", "inside/table.html"]
    assert "final" in artifact.aliases


def test_a_deleted_id_is_refused_and_another_is_taken(service: Service, sdk: Sdk) -> None:
    sdk(RUN, "r1", "0", "3", "0")
    service.delete(service.runs["lab", "p", "r1"])
    quick = 'settings=wandb.Settings(init_timeout=3), resume="allow"'
    refused = sdk.run(RUN.replace('resume="allow"', quick), "r1", "0", "3", "0")
    assert refused.returncode
    assert "409" in refused.stderr
    sdk(RUN, "r1-2", "0", "3", "0")
    assert list(service.runs) == [("lab", "p", "r1-2")]


def test_preemption_is_kept(service: Service, sdk: Sdk) -> None:
    sdk(
        """
        import wandb
        run = wandb.init(project="p", id="r1")
        run.log({"loss": 1.0})
        run.mark_preempting()
        run.finish(exit_code=1)
        """
    )
    run = service.runs["lab", "p", "r1"]
    assert (run.preempting, run.state, run.exit_code) == (1, "preempted", 1)


def test_a_wrong_key_is_refused(service: Service, sdk: Sdk) -> None:
    done = sdk.run(RUN, "r1", "0", "3", "0", environment={"WANDB_API_KEY": "f" * 40})
    assert done.returncode
    assert not service.runs
    assert service.key not in done.stderr


@pytest.mark.parametrize(("status", "retry_after_s"), [(429, 0.5), (500, None)])
def test_the_sdk_gets_through_passing_errors(
    service: Service, sdk: Sdk, status: int, retry_after_s: float | None
) -> None:
    fault = service.fail(status, retry_after_s=retry_after_s, route="file_stream", times=1)
    sdk(RUN, "r1", "0", "20", "0")
    run = service.runs["lab", "p", "r1"]
    assert fault.hits == 1
    assert [row["_step"] for row in run.history] == list(range(21))


def test_a_black_hole_swallows_requests_until_it_is_healed(service: Service, sdk: Sdk) -> None:
    hole = service.black_hole(operation="UpsertBucket")
    quick = 'settings=wandb.Settings(init_timeout=2), resume="allow"'
    start = time.monotonic()
    done = sdk.run(RUN.replace('resume="allow"', quick), "r1", "0", "3", "0")
    assert done.returncode
    assert time.monotonic() - start > 2
    assert hole.hits
    assert not service.runs
    service.heal()
    sdk(RUN, "r1", "0", "3", "0")
    assert len(service.runs["lab", "p", "r1"].history) == 4


def test_the_public_api_reads_back_what_was_logged_page_by_page(service: Service, sdk: Sdk) -> None:
    sdk(
        """
        import wandb
        for seed in range(5):
            run = wandb.init(project="p", id=f"r{seed}", config={"norm": {"kind": "bn"}, "seed": seed})
            for step in range(1200 if seed == 3 else 3):
                run.log({"loss": step / 7})
            run.log({"top1": 10 + seed})
            run.finish()
        """
    )
    program = """
        import json, wandb
        api = wandb.Api()
        runs = api.runs("lab/p", per_page=2, filters={"config.seed": {"$gte": 2}}, order="-config.seed")
        run = api.run("lab/p/r3")
        print(json.dumps({
            "ids": [each.id for each in runs],
            "config": run.config,
            "summary": run.summary["top1"],
            "state": run.state,
            "all": list(run.scan_history()),
            "one": list(run.scan_history(keys=["_step", "top1"])),
            "files": [file.name for file in run.files(per_page=2)],
            "file": run.file("config.yaml").download("down").read(),
        }))
        """
    read = json.loads(sdk(program))
    kept = service.runs["lab", "p", "r3"]
    assert read["ids"] == ["r4", "r3", "r2"]
    assert read["config"] == kept.config == {"norm": {"kind": "bn"}, "seed": 3}
    assert (read["summary"], read["state"]) == (13, "finished")
    assert read["all"] == kept.history
    assert len(read["all"]) == 1201
    assert read["one"] == [{"_step": 1200, "top1": 13}]
    assert read["files"] == sorted(kept.files)
    assert read["file"].encode() == kept.files["config.yaml"]


def test_an_unknown_project_and_run_are_nowhere(service: Service, sdk: Sdk) -> None:
    assert sdk("import wandb\ntry:\n len(wandb.Api().runs('lab/none'))\nexcept ValueError as e: print(e)").strip()
    assert sdk("import wandb\ntry:\n wandb.Api().run('lab/none/x')\nexcept wandb.CommError as e: print(e)").strip()


def test_a_document_is_answered_as_it_selects() -> None:
    document = """
    query Q($name: String!, $first: Int = 2, $more: Boolean!) {
        shown: project(name: $name) { ...P extra @include(if: $more) runs(first: $first) { id } absent }
    }
    fragment P on Project { name runs(first: $first) { group } }
    """

    def project(name: str) -> dict[str, object]:
        rows = [{"id": number, "group": "g"} for number in range(5)]
        return {"name": name, "extra": 1, "runs": lambda first: rows[:first]}

    answering = Answering()
    answer = answering.answer(parse(document), {"name": "p", "more": False}, {"project": project})
    runs = [{"group": "g", "id": 0}, {"group": "g", "id": 1}]
    assert answer == {"shown": {"name": "p", "runs": runs, "absent": None}}
    assert answering.missing == {"Q.project.absent"}
    with pytest.raises(BadDocument):
        parse("query Q { a")
