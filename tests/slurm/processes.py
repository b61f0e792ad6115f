"""The processes of a run on this machine, found by what stands in /proc."""

from __future__ import annotations

from pathlib import Path

from an_cli.store import RunFolder


def ranks_of(run: RunFolder) -> dict[int, int]:
    """Rank -> process id, of the forked ranks of a run; loader processes are left out."""
    nodes = {pid for pid, words in _commands().items() if words[-2:] == ["node", str(run.path)]}
    children = [pid for pid in nodes if _parent(pid) in nodes]
    return {_first_rank(_parent(pid)): pid for pid in children if _parent(_parent(pid)) not in nodes}


def _commands() -> dict[int, list[str]]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode().rstrip("\0").split("\0")
            except OSError:
                continue
    return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _first_rank(pid: int) -> int:
    """Rank of a node's only child: the number of the node in the step, which its process was given."""
    lines = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return int(next(line.partition(b"=")[2] for line in lines if line.startswith(b"SLURM_PROCID=")))
