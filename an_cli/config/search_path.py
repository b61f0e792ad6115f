"""Where names are looked up: the working directory first, the installed package behind it.

`conf/`, `sweeps/` and `reports/` each are a search path. A name found in both is the user's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from an_cli.errors import AnError, nearest

PACKAGE = Path(__file__).resolve().parent.parent


def shipped(kind: str) -> Path:
    """Folder of what an-cli ships: inside the installed package, or at the top of a checkout.

    Args:
        kind: "conf", "sweeps" or "reports".
    """
    installed = PACKAGE / "share" / kind
    return installed if installed.is_dir() else PACKAGE.parent / kind


def folders(kind: str) -> list[Path]:
    """The search path of a kind, the user's folder first where there is one."""
    own, ours = Path.cwd() / kind, shipped(kind)
    return [own, ours] if own.is_dir() and own.resolve() != ours.resolve() else [ours]


@dataclass(frozen=True)
class Found:
    """A name found on a search path; `shadows` is the shipped file that a user's file hides."""

    path: Path
    shadows: Path | None


def find(kind: str, name: str, *, suffix: str = ".yaml", error: type[AnError], what: str) -> Found:
    """Find a file by name.

    Args:
        kind: "conf", "sweeps" or "reports".
        name: without suffix; may hold a subfolder.
        suffix: ending of the file.
        error: class of error to raise.
        what: the thing's name for the message ("study").

    Raises:
        AnError (`error`): no such file; the message names the nearest and the folders looked into.
    """
    paths = folders(kind)
    hits = [folder / f"{name}{suffix}" for folder in paths if (folder / f"{name}{suffix}").is_file()]
    if not hits:
        looked = ", ".join(str(folder) for folder in paths)
        for path in (folder / f"{name}.yml" for folder in paths):
            if suffix == ".yaml" and path.is_file():
                raise error(f"the {what} is in a file that ends in .yml", where=str(path), now=f"rename it {name}.yaml")
        under, _, last = name.rpartition("/")
        legal = names(kind, under=under, suffix=suffix)
        raise error(f"unknown {what} {last!r}", where=looked, now=nearest(last, legal))
    return Found(hits[0], hits[1] if len(hits) > 1 else None)


def names(kind: str, *, under: str = "", suffix: str = ".yaml") -> list[str]:
    """All names on a search path, sorted."""
    return sorted(
        {file.name.removesuffix(suffix) for folder in folders(kind) for file in (folder / under).glob(f"*{suffix}")}
    )
