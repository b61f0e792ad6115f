"""What every place owes to runs: a class of tests that each place inherits, with one fixture of its own.

A run's `script.json` says what its attempts do, one deed each (see `fake_door`): "finish" or "fail".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from an_cli.launch import Phase, Place, Snapshot
from an_cli.store import RunFolder, Status, status_of, take
from tests.launch.fake_door import finish

Scripted = Callable[..., RunFolder]
MakePlace = Callable[[Mapping[RunFolder, Sequence[RunFolder]]], Place]


def silent(snapshot: Snapshot) -> None:
    """Watch nothing."""


def phases(end: Snapshot) -> list[Phase]:
    return [state.phase for state in end.runs]


class PlaceContract:
    """Inherit it, and give the fixture `make_place`: from the needs of runs to a place that makes them."""

    @pytest.fixture
    def make_place(self) -> MakePlace:
        raise NotImplementedError

    def test_every_run_is_made_once_and_stands_finished(
        self, make_place: MakePlace, scripted: Scripted, attempts_of: Callable[[RunFolder], int]
    ) -> None:
        runs, place = [scripted("finish") for _ in range(4)], make_place({})
        assert {standing.status for standing in place.look(runs).values()} == {Status.WAITING}
        end = place.launch(runs, silent)
        assert phases(end) == [Phase.FINISHED] * 4
        assert [state.run for state in end.runs] == runs
        assert [attempts_of(run) for run in runs] == [1] * 4
        assert {standing.status for standing in place.look(runs).values()} == {Status.FINISHED}

    def test_what_it_starts_it_says_how_and_of_nothing_else(self, make_place: MakePlace, scripted: Scripted) -> None:
        done, new = scripted("finish"), scripted("finish")
        finish(done)
        make_place({}).launch([done, new], silent)
        assert new.job.exists()
        assert not done.job.exists()

    def test_looking_changes_nothing(self, make_place: MakePlace, scripted: Scripted) -> None:
        run = scripted("finish")
        before = sorted(path.name for path in run.path.rglob("*"))
        make_place({}).look([run])
        assert sorted(path.name for path in run.path.rglob("*")) == before

    def test_the_same_call_again_makes_nothing_again(
        self, make_place: MakePlace, scripted: Scripted, attempts_of: Callable[[RunFolder], int]
    ) -> None:
        runs = [scripted("finish") for _ in range(3)]
        make_place({}).launch(runs, silent)
        assert phases(make_place({}).launch(runs, silent)) == [Phase.FINISHED] * 3
        assert [attempts_of(run) for run in runs] == [1] * 3

    def test_a_failure_stays_with_its_run_and_brings_its_reason(
        self, make_place: MakePlace, scripted: Scripted
    ) -> None:
        runs = [scripted("fail"), scripted("finish")]
        end = make_place({}).launch(runs, silent)
        assert phases(end) == [Phase.FAILED, Phase.FINISHED]
        assert "out of memory" in end.runs[0].cause

    def test_a_finished_run_is_never_started(
        self, make_place: MakePlace, scripted: Scripted, attempts_of: Callable[[RunFolder], int]
    ) -> None:
        run = scripted("fail")
        finish(run)
        assert phases(make_place({}).launch([run], silent)) == [Phase.FINISHED]
        assert attempts_of(run) == 0

    def test_a_run_that_another_process_holds_is_not_started(
        self, make_place: MakePlace, scripted: Scripted, attempts_of: Callable[[RunFolder], int]
    ) -> None:
        run = scripted("fail")
        claim = take(run)
        assert claim is not None
        place = make_place({})
        assert place.look([run])[run].status is Status.RUNNING
        looks = 0

        def let_go(snapshot: Snapshot) -> None:
            nonlocal looks
            looks += 1
            if looks == 2:
                finish(run)
                claim.release("finished")

        assert phases(place.launch([run], let_go)) == [Phase.FINISHED]
        assert attempts_of(run) == 0

    def test_a_run_waits_for_what_it_needs(
        self, make_place: MakePlace, scripted: Scripted, attempts_of: Callable[[RunFolder], int]
    ) -> None:
        detector, backbone, other = scripted("finish"), scripted("finish"), scripted("finish")
        place = make_place({detector: [backbone]})
        assert phases(place.launch([detector, backbone, other], silent)) == [Phase.FINISHED] * 3
        assert backbone.result.stat().st_mtime_ns <= (detector.path / "attempts.txt").stat().st_mtime_ns
        assert [attempts_of(run) for run in (detector, backbone, other)] == [1] * 3

    def test_a_run_whose_need_failed_is_not_started(
        self, make_place: MakePlace, scripted: Scripted, attempts_of: Callable[[RunFolder], int]
    ) -> None:
        backbone, detector = scripted("fail"), scripted("finish")
        end = make_place({detector: [backbone]}).launch([backbone, detector], silent)
        assert phases(end)[0] is Phase.FAILED
        assert phases(end)[1] is not Phase.FINISHED
        assert attempts_of(detector) == 0
        assert status_of(detector) is Status.WAITING
