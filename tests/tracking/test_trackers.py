"""The three trackers keep one contract; and what only W&B can do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tracking.shown import Shown, of_events, of_kept, of_offline, single
from tests.tracking.tracker_contract import (
    HEAD,
    RUNNING,
    Player,
    Stage,
    TrackerContract,
    close,
    launch_words,
    png,
    points,
)
from tests.tracking.wandb_service import Service


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    player = Player(tmp_path_factory.mktemp("home"), clean)
    yield player
    player.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def online(player: Player, folder: Path, service: Service) -> Stage:
    def show(name: str | None) -> Shown:
        (run,) = [run for run in service.runs.values() if name in (None, run.id)]
        return of_kept(run)

    launch = launch_words(tracking="wandb", wandb={"mode": "online", "entity": "lab"})
    return Stage(player, launch, folder, show, service.environment, seen_after_s=16.0)


class TestOnline(TrackerContract):
    @pytest.fixture
    def stage(self, online: Stage) -> Stage:
        return online

    @pytest.mark.slow  # the SDK sends every 15 s
    def test_a_live_run_is_seen_before_its_end(self, stage: Stage) -> None:
        super().test_a_live_run_is_seen_before_its_end(stage)

    @pytest.mark.slow  # a whole study shows it as well
    def test_two_runs_are_two(self, stage: Stage) -> None:
        super().test_two_runs_are_two(stage)

    def test_epochs_are_drawn_against_epochs(self, stage: Stage) -> None:
        stage.play(["open", RUNNING], *points(1, 4), close())
        assert stage.show(None).step_metrics == {"eval/*": "epoch", "train/epoch_loss": "epoch"}

    def test_a_deleted_id_gets_a_number_which_it_keeps(self, stage: Stage, service: Service) -> None:
        stage.play(["open", RUNNING], *points(1, 2), close())
        service.delete(service.runs["lab", "p", HEAD["id"]])
        stage.init_s = 2.0  # the SDK asks again until it is told to give up
        opened = stage.play(["open", RUNNING], *points(1, 3), close())
        assert opened["id"] == f"{HEAD['id']}-2"
        assert stage.show(None).points == stage.expected(1, 3)
        again = stage.play(["open", {**RUNNING, "known_as": opened["id"]}], *points(4, 5), close())
        assert (again["id"], again["next_step"]) == (opened["id"], 4)
        assert stage.show(None).points == stage.expected(1, 5)

    def test_records_are_one_artifact(self, stage: Stage, service: Service, tmp_path: Path) -> None:
        paths = [tmp_path / "records" / name for name in ("result.json", "correct.bin")]
        paths[0].parent.mkdir()
        for number, path in enumerate(paths):
            path.write_bytes(bytes([number]) * 300)
        stage.play(["open", RUNNING], *points(1, 2), close(files=[str(path) for path in paths]))
        (run,) = service.runs.values()
        (artifact,) = [each for each in run.artifacts if each.type == "run"]
        assert artifact.files == {path.name: path.read_bytes() for path in paths}
        assert (artifact.collection, artifact.state) == (f"run-{HEAD['id']}", "COMMITTED")

    def test_a_picture_arrives(self, stage: Stage, service: Service) -> None:
        stage.play(["open", RUNNING], close(pictures={"mixture/beta": png()}))
        (run,) = service.runs.values()
        (name,) = [name for name in run.files if name.endswith(".png")]
        assert run.files[name].startswith(b"\x89PNG")

    def test_nothing_of_the_machine_is_sent(self, stage: Stage, service: Service) -> None:
        stage.play(["open", RUNNING], *points(1, 2), close())
        (run,) = service.runs.values()
        assert (run.host or "", run.program or "", run.repo, run.commit) == ("", "an-cli", None, None)
        assert not run.events
        assert not run.output
        assert set(run.files) <= {"config.yaml", "wandb-summary.json"}

    def test_a_wrong_key_is_one_line(self, stage: Stage) -> None:
        stage.environment = {**stage.environment, "WANDB_API_KEY": "f" * 40}
        answer = stage.play(["open", RUNNING])
        assert answer["error"].startswith("W&B: ")
        assert "\n" not in answer["error"]
        assert "f" * 40 not in answer["error"]
        assert "an-cli sync" in answer["error"]

    def test_what_is_sent_leaves_no_folder(self, stage: Stage) -> None:
        stage.play(["open", RUNNING], *points(1, 2), ["die"], dies=True)
        stage.play(["open", RUNNING], *points(3, 4), close())
        assert not list(stage.folder.glob(f".an-cli/wandb/*run-*{HEAD['id']}*"))


class TestOffline(TrackerContract):
    @pytest.fixture
    def stage(self, player: Player, folder: Path) -> Stage:
        def show(name: str | None) -> Shown:
            (path,) = folder.glob(f"wandb/offline-run-*-{name or '*'}")
            return of_offline(path)

        return Stage(player, launch_words(tracking="wandb", wandb={"mode": "offline"}), folder, show)

    @pytest.mark.slow
    def test_two_runs_are_two(self, stage: Stage) -> None:
        super().test_two_runs_are_two(stage)

    def test_a_rerun_leaves_the_file_of_the_run_before_it(self, stage: Stage) -> None:
        stage.play(["open", RUNNING], *points(1, 2), close())
        stage.play(["open", {**RUNNING, "known_as": f"{HEAD['id']}-2"}], *points(1, 3), close())
        assert stage.show(HEAD["id"]).points == stage.expected(1, 2)
        assert stage.show(f"{HEAD['id']}-2").points == stage.expected(1, 3)

    def test_a_folder_that_cannot_be_written_is_one_line(self, stage: Stage) -> None:
        stage.folder.mkdir()
        (stage.folder / "wandb").write_text("a file in the folder's place")
        answer = stage.play(["open", RUNNING], *points(1, 2), close())
        assert answer["error"].startswith("W&B: ")
        assert "\n" not in answer["error"]


class TestTensorboard(TrackerContract):
    @pytest.fixture
    def stage(self, player: Player, folder: Path) -> Stage:
        def show(name: str | None) -> Shown:
            places = {path.parent for path in folder.rglob("events.out.tfevents.*")}
            shown = [of_events(place, place.name) for place in places]
            (run,) = [run for run in shown if name in (None, run.id)]
            return run

        return Stage(
            player,
            launch_words(tracking="tensorboard"),
            folder,
            show,
            keeps=single,
            named=lambda name: name.replace(" ", "_"),
        )
