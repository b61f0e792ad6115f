"""Numbered records in a folder, the newest of which stands: claims on a run, and its submissions.

Number n + 1 is given by an atomic link, which only one of many contenders can make, also on a network file system.
"""

from __future__ import annotations

import os
from pathlib import Path

from an_cli.files import part_name, sync_folder


def newest_number(folder: str | os.PathLike[str]) -> int:
    """Number of the newest record in a folder; 0 when there is none.

    Raises:
        OSError: nobody knows, since the folder is there and cannot be listed.
    """
    try:
        return max((int(name) for name in os.listdir(folder) if name.isdecimal()), default=0)
    except (FileNotFoundError, NotADirectoryError):
        return 0


def add_record(folder: Path, number: int, text: str, *, durable: bool = False) -> bool:
    """Make a record the newest of its folder, and remove those before it.

    Args:
        folder: made where it is missing.
        number: the newest that was seen, and 1.
        text: what it says.
        durable: whether it must be on disk when this returns, also after a power cut.

    Returns:
        False where another contender was faster, or what was seen is old news: others came and went since.

    Raises:
        OSError: the folder cannot be written.
    """
    part = part_name(folder / str(number))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("w") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if not link_once(part, folder / str(number)):
            return False
    finally:
        part.unlink(missing_ok=True)
    if newest_number(folder) != number:
        return False
    if durable:
        sync_folder(folder)
    for name in os.listdir(folder):
        if name.isdecimal() and int(name) < number:
            (folder / name).unlink(missing_ok=True)
    return True


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
