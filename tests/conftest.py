"""Fixtures of several rooms: a tiny run folder, and goldens.

Goldens are small text files that a test compares with, rewritten by `pytest --update-goldens`."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from an_cli.config import Composer, plain
from an_cli.files import write_json
from an_cli.store import RunFolder, Store
from tests.slurm.presence import has_cluster
from tests.tiny import TINY
from tests.warm import Warm, warm_worker

# Under nohup a hang-up is ignored, by every process that a test starts as well: test what a closing terminal does.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Nor is what a test runs shown in anybody's W&B.
for _name in [name for name in os.environ if name.startswith("WANDB_")]:
    del os.environ[_name]
os.environ["NETRC"] = os.devnull

GOLDENS = Path(__file__).parent / "golden"

# No deadline: a busy machine fails no test. Derandomized: a change fails for what it changed.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="rewrite tests/golden/ where a value changed")


def pytest_configure(config: pytest.Config) -> None:
    """Temporary folders in memory where there is room: most of what the tests write is written through to the disk."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started with & by a script: tests that send it would wait
        signal.signal(signal.SIGINT, signal.default_int_handler)
    memory = Path("/dev/shm")
    if config.option.basetemp is None and not {"PYTEST_DEBUG_TEMPROOT", "TMPDIR"} & set(os.environ) and memory.is_dir():
        room = os.statvfs(memory)
        if os.access(memory, os.W_OK) and room.f_bavail * room.f_frsize > 4 << 30:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = str(memory)


def pytest_xdist_auto_num_workers() -> int:
    """One process per core and one for a cluster's tests, which wait; four at most, since each takes 2 GB."""
    return min(4, len(os.sched_getaffinity(0)) + has_cluster())


class _ByFile(LoadFileScheduling):
    """The tests of a file run in one process, in order; so do all those of the one cluster, which they hurt."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "cluster" if file.endswith("on_cluster.py") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    return _ByFile(config, log)


# Begun first, so that no process is left alone with one of them at the end.
LONGEST = (
    "test_readme.py", "test_ablate.py", "test_killed.py", "test_your_own_part.py", "test_data_docs.py",
    "test_damage.py", "test_judging.py", "test_page_in_browser.py", "test_interrupted.py", "test_every_norm.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of the cluster first, which take longest and wait most of it; then the other long files."""

    def place(item: pytest.Item) -> int:
        name = item.path.name
        if name.endswith("on_cluster.py"):
            return -1
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=place)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Compares a text, or any value as JSON, with `tests/golden/NAME`."""

    def compare(name: str, value: object) -> None:
        text = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        path = GOLDENS / name
        if request.config.getoption("--update-goldens"):
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"no golden {name}: run pytest --update-goldens"
        assert text == path.read_text(encoding="utf-8"), f"{name} changed; if meant, run pytest --update-goldens"

    return compare


@pytest.fixture(scope="session")
def composer() -> Composer:
    return Composer()


@pytest.fixture
def make_run(tmp_path: Path, composer: Composer) -> Callable[..., RunFolder]:
    """Prepare a run folder as the launcher does."""

    def make(store: str = "store", overrides: Sequence[str] = ()) -> RunFolder:
        composed = composer.compose([*TINY, *overrides])
        run = Store(tmp_path / store).prepare(composed.cell, composed.choices)
        write_json(
            run.job, {"launch": plain(composed.launch), "on": "local", "submitted_at": "2026-01-01T00:00:00+00:00"}
        )
        return run

    return make


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """One warm worker for all tests, as one study has: starting it costs seconds."""
    with warm_worker() as worker:
        yield worker
