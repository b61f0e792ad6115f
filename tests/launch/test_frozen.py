"""The user's plug-ins are frozen with the code: however they are installed, whatever becomes of them afterwards."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from an_cli.config import plugins
from an_cli.config.plugins import NORMS, find_plugin
from an_cli.errors import LaunchError
from an_cli.launch.code.frozen import damaged_copies, freeze
from an_cli.store import Store
from tests.slurm.harness import ROOT

GROUP = "[an_cli.norms]\n"
LOOK = (
    "from an_cli.worker.frozen import prefer_frozen; prefer_frozen();"
    "from an_cli.config.plugins import NORMS, find_plugin; found = find_plugin(NORMS, 'frozen_one', 'norm');"
    "print(found.load({})(), found.stamp, sep='|')"
)
# What an editable installation may put first on sys.meta_path.
FINDER = """
import sys
from importlib.machinery import PathFinder
class Editable:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("an_test_one", "an_test_beside"):
            return PathFinder.find_spec(name, [{source!r}] if path is None else path)
sys.meta_path.insert(0, Editable)
"""


class Layout:
    """A plug-in in a folder of sources, and what an installation leaves in a folder of Python's."""

    def __init__(self, root: Path, kind: str) -> None:
        self.sources, self.site = root / "sources", root / "site"
        self.kind = kind
        top = {"package": "an_test_one/__init__.py", "namespace": "an_test_one/part.py"}.get(kind, "an_test_one.py")
        beside = "an_test_beside.py"
        self.files = [self._put(self.sources / top, "import an_test_beside\ndef make(): return an_test_beside.WORD\n")]
        self.files.append(self._put(self.sources / beside, "WORD = 'as submitted'\n"))
        self._put(self.sources / "unrelated.py", "")
        module = "an_test_one.part" if kind == "namespace" else "an_test_one"
        self.about = self.site / "an_test_one-1.5.dist-info"
        self._put(self.about / "METADATA", "Metadata-Version: 2.1\nName: an-test.one\nVersion: 1.5\n")
        self._put(self.about / "entry_points.txt", f"{GROUP}frozen_one = {module}:make\n")
        if kind == "finder":
            self._put(self.site / "sitecustomize.py", FINDER.format(source=str(self.sources)))

    def _put(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    @property
    def path(self) -> list[str]:
        return [str(self.site), *([] if self.kind == "finder" else [str(self.sources)])]

    def look(self, code: Path | None = None) -> str:
        """What a process sees of it: what it makes, and its stamp."""
        path = [*([str(code)] if code else [str(ROOT)]), *self.path]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"}
        if code:
            environment["AN_CLI_CODE"] = str(code)
        command = [sys.executable, "-P", "-c", LOOK]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def layout(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    made = Layout(tmp_path, request.param)
    for place in (made.site, made.sources):
        monkeypatch.syspath_prepend(str(place))
    _forget()
    yield made
    _forget()


def _forget() -> None:
    plugins._installed.cache_clear()
    plugins._digest.cache_clear()
    importlib.invalidate_caches()


every_layout = pytest.mark.parametrize("layout", ["module", "package", "namespace", "finder"], indirect=True)
one_layout = pytest.mark.parametrize("layout", ["module"], indirect=True)


@every_layout
@pytest.mark.parametrize("fate", ["edited", "deleted"])
def test_a_job_sees_the_plug_in_as_it_was_when_submitted(layout: Layout, fate: str, tmp_path: Path) -> None:
    live = layout.look()
    assert live.startswith("as submitted|an_cli.norms:frozen_one an-test.one 1.5 ")
    code = freeze(Store(tmp_path), [find_plugin(NORMS, "frozen_one", "norm")])
    if fate == "edited":
        for file in layout.files:
            file.write_text("raise SystemExit('edited after it was submitted')\n")
        (layout.about / "entry_points.txt").write_text(f"{GROUP}frozen_one = an_test_renamed:make\n")
    else:
        shutil.rmtree(layout.sources)
        shutil.rmtree(layout.about)
    assert layout.look(code) == live


@one_layout
def test_only_what_the_cells_name_is_copied_once_each_tree(layout: Layout, tmp_path: Path) -> None:
    store, plugin = Store(tmp_path), find_plugin(NORMS, "frozen_one", "norm")
    without = freeze(store)
    code = freeze(store, [plugin])
    assert {path.name for path in without.iterdir()} == {"an_cli", "conf", "sweeps"}
    own = {"an_test_one.py", "an_test_beside.py", "an_test_one-1.5.dist-info"}
    assert {path.name for path in code.iterdir()} == {"an_cli", "conf", "sweeps", *own}
    assert freeze(store, [plugin]) == code
    layout.files[1].write_text("WORD = 'another'\n")
    assert freeze(store, [plugin]) != code


@one_layout
def test_a_flipped_byte_of_a_frozen_plug_in_is_found(layout: Layout, tmp_path: Path) -> None:
    store = Store(tmp_path)
    code = freeze(store, [find_plugin(NORMS, "frozen_one", "norm")])
    assert damaged_copies(store) == []
    file = code / "an_test_beside.py"
    raw = bytearray(file.read_bytes())
    raw[0] ^= 1
    file.chmod(0o644)
    file.write_bytes(raw)
    assert damaged_copies(store) == [code.name]


@one_layout
def test_a_plug_in_without_a_source_is_refused(layout: Layout, tmp_path: Path) -> None:
    [entry] = entry_points(group=NORMS, name="frozen_one")
    shutil.rmtree(layout.sources)
    importlib.invalidate_caches()
    with pytest.raises(LaunchError, match="no source of entry point 'frozen_one'"):
        freeze(Store(tmp_path), [plugins.PlugIn(entry, "norm")])
