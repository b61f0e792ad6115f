from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.store import Activity, Doing, RunFolder, RunWriter, read_doing, take


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    (tmp_path / "run").mkdir()
    claim = take(RunFolder(tmp_path / "run"))
    assert claim is not None
    return RunWriter(claim)


def test_what_an_attempt_does_reads_back(writer: RunWriter) -> None:
    writer.doing(Activity.TRAINING, 20, 1.5)
    assert read_doing(writer.run) == Doing(
        attempt=writer.claim.number, activity=Activity.TRAINING, from_step=20, from_elapsed_s=1.5
    )


def test_an_attempt_that_ended_does_nothing(writer: RunWriter) -> None:
    writer.doing(Activity.SAVING)
    writer.claim.release()
    assert read_doing(writer.run) is None


def test_the_word_of_an_attempt_is_not_taken_for_that_of_a_newer(writer: RunWriter) -> None:
    writer.doing(Activity.TRAINING)
    text = writer.run.doing.read_text()
    writer.claim.release()
    take(writer.run)
    writer.run.doing.write_text(text)
    assert read_doing(writer.run) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"attempt": 1}', '{"attempt": 1, "activity": "dancing"}'])
def test_a_torn_or_strange_record_says_nothing(writer: RunWriter, text: str) -> None:
    writer.run.doing.write_text(text)
    assert read_doing(writer.run) is None


def test_a_disk_that_takes_no_word_stops_no_training(writer: RunWriter) -> None:
    writer.run.doing.mkdir()
    writer.doing(Activity.TRAINING)
    assert read_doing(RunFolder(writer.run.path)) is None
