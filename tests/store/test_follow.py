"""Following metrics: every line once, whatever a writer that is killed and resumes does, and whenever they are read."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from an_cli.store import RunFolder, RunWriter, Store, take
from an_cli.store.follow import MetricsFollower

EPOCH_STEPS = 3


def lines_of(step: int) -> list[dict[str, object]]:
    """What a run records of a step: always the same."""
    own: list[dict[str, object]] = [{"kind": "step", "step": step, "loss": 1 / step}]
    return [*own, {"kind": "epoch", "step": step, "loss": 2 / step}] if step % EPOCH_STEPS == 0 else own


class Training:
    """A run that is trained, killed and resumed, recorded by the real writer."""

    def __init__(self, run: RunFolder) -> None:
        self.run, self.step, self.attempt = run, 0, 0
        self.resume(0)

    def go_on(self, steps: int, tear: int) -> None:
        """Record some steps; the last line is cut after so many bytes, if any."""
        for step in range(self.step + 1, self.step + 1 + steps):
            for line in lines_of(step):
                self.writer.metrics({**line, "elapsed_s": self.attempt + step / 7})
        self.step += steps
        if tear:
            with self.run.metrics.open("ab") as file:
                file.write(json.dumps(lines_of(self.step + 1)[0]).encode()[:tear])
            self.resume(self.step)

    def resume(self, step: int) -> None:
        """Another attempt, from a checkpoint."""
        if self.attempt:
            self.writer.claim.release()
        claim = take(self.run)
        assert claim is not None
        self.attempt, self.step, self.writer = self.attempt + 1, min(step, self.step), RunWriter(claim)
        if self.run.metrics.exists():
            self.writer.rewind_metrics(self.step)


DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("go on"), st.integers(1, 4), st.sampled_from([0, 0, 0, 1, 17])),
        st.tuples(st.just("resume"), st.integers(0, 12)),
        st.just(("read",)),
    ),
    max_size=14,
)


@given(DEEDS)
def test_every_line_is_given_once_and_in_order(deeds: list[tuple]) -> None:
    with tempfile.TemporaryDirectory() as name:
        run = Store(Path(name)).run("0" * 16)
        run.path.mkdir(parents=True)
        training, follower = Training(run), MetricsFollower(run)
        given_lines = []
        for deed, *words in deeds:
            if deed == "go on":
                training.go_on(*words)
            elif deed == "resume":
                training.resume(*words)
            else:
                given_lines += follower.read()
        given_lines += follower.read()
        bare = [{key: value for key, value in line.items() if key != "elapsed_s"} for line in given_lines]
        reached = int(bare[-1]["step"]) if bare else 0
        expected = [line for step in range(1, reached + 1) for line in lines_of(step)]
        assert bare == expected[: len(bare)]
        assert len(bare) >= len([line for step in range(1, training.step + 1) for line in lines_of(step)])


def follower_of(tmp_path: Path) -> MetricsFollower:
    run = Store(tmp_path).run("0" * 16)
    run.path.mkdir(parents=True)
    return MetricsFollower(run)


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    follower = follower_of(tmp_path)
    assert follower.read() == []
    whole = json.dumps({"kind": "step", "step": 1, "loss": 0.5})
    follower.run.metrics.write_text(whole[:9])
    assert follower.read() == []
    follower.run.metrics.write_text(f"{whole}\n")
    assert [line["step"] for line in follower.read()] == [1]
    assert follower.read() == []


def test_a_line_that_does_not_read_is_left_out(tmp_path: Path) -> None:
    follower = follower_of(tmp_path)
    follower.run.metrics.write_bytes(b'{"step": 1}\n\xff\n\n[2]\n{"step": "3"}\n{"step": 4}\n')
    assert [line["step"] for line in follower.read()] == [1, 4]
