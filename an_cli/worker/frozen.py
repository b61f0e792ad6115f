"""In a job: what was frozen comes before what is installed.

The frozen copy stands first on the import path, which is enough for what lies in a folder. An editable installation may
have a finder of its own that is asked before the path is looked at, and finds the sources as they are today.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

CODE = "AN_CLI_CODE"  # set by the job script: the frozen copy


class _Frozen(MetaPathFinder):
    """Finds the modules that a frozen copy has, and no other."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._names = {path.name.partition(".")[0] for path in folder.iterdir() if path.suffix != ".dist-info"}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self._names:
            return None
        spec = PathFinder.find_spec(fullname, [self._folder] if path is None else path, target)
        if spec is not None and spec.loader is None and path is None and spec.submodule_search_locations is not None:
            spec.submodule_search_locations = list(spec.submodule_search_locations)  # a namespace: of the copy alone
        return spec


def prefer_frozen() -> None:
    """Let imports find the frozen copy first, where the environment names one."""
    folder = Path(os.environ.get(CODE, ""))
    if os.environ.get(CODE) and folder.is_dir():
        sys.meta_path.insert(0, _Frozen(folder))
