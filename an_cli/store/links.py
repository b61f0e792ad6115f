"""Taking a name that only one of many can have."""

from __future__ import annotations

import os
from pathlib import Path


def link_once(part: Path, name: Path) -> bool:
    """Give a file a name, unless that is taken; True when this call gave it.

    A network file system whose answer was lost asks again, and is then told that the name is taken, by the link that it
    made the first time. So the file behind the name decides, not the answer.

    Args:
        part: a file of this process alone.
        name: in a folder on the same disk.
    """
    try:
        os.link(part, name)
    except FileExistsError:
        return _same(part, name)
    return True


def _same(part: Path, name: Path) -> bool:
    try:
        with part.open("rb") as ours, name.open("rb") as theirs:  # opening asks the server, a stat may be remembered
            return os.path.samestat(os.fstat(ours.fileno()), os.fstat(theirs.fileno()))
    except FileNotFoundError:
        return False
