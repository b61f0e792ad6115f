"""One run folder: every file name in one class, and the store around it.

docs/run-folder.md lists each file with its one writer and its readers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from an_cli.config import CellConfig, cell_id, plain
from an_cli.errors import StoreError
from an_cli.files import cannot_write, part_name, read_json, subfolders, write_json

STORE_VERSION = 1


@dataclass(frozen=True)
class RunFolder:
    """The names inside `runs/<id>/`."""

    path: Path

    @property
    def id(self) -> str:
        """The cell's id, which is the folder's name."""
        return self.path.name

    @property
    def cell(self) -> Path:
        """What is run: the resolved config. Written once, by the launcher."""
        return self.path / "cell.json"

    @property
    def job(self) -> Path:
        """How it was last started. Written by the launcher."""
        return self.path / "job.json"

    @property
    def claims(self) -> Path:
        """One numbered file per attempt that is, or was last, allowed to write."""
        return self.path / "claims"

    @property
    def stop(self) -> Path:
        """There while somebody wants the run to stop, until it is launched again."""
        return self.claims / "stop"

    @property
    def doing(self) -> Path:
        """What the attempt that holds the claim is doing; there while it lives."""
        return self.claims / "doing"

    @property
    def submissions(self) -> Path:
        """The newest submission to a scheduler, numbered: its token, and why the ones before it ended."""
        return self.path / "submissions"

    @property
    def attempts(self) -> Path:
        """A line per attempt: machine, versions, code tree, data fingerprint."""
        return self.path / "env.jsonl"

    @property
    def metrics(self) -> Path:
        """A line per epoch and per evenly spaced step."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Training states: the newest two, and the weights of the best epoch."""
        return self.path / "checkpoints"

    @property
    def log(self) -> Path:
        """What the attempts printed."""
        return self.path / "log.txt"

    @cached_property  # asked for more often than the others: of 10,000 runs at a time
    def result(self) -> Path:
        """The run's numbers; its presence means finished."""
        return self.path / "result.json"

    @property
    def imported(self) -> Path:
        """Whose weights these are, where they were trained elsewhere; such a run has no result."""
        return self.path / "imported.json"

    @property
    def error(self) -> Path:
        """Why the last attempt failed."""
        return self.path / "error.txt"

    @property
    def per_sample(self) -> Path:
        """Per-sample evidence of the last and the best epoch; named after the first task's."""
        return self.path / "correct.bin"

    @property
    def digests(self) -> Path:
        """Digests of the finished run's files."""
        return self.path / "digests.json"

    @property
    def mixture(self) -> Path:
        """Gamma and beta of every AN layer, and a summary of lambda."""
        return self.path / "mixture.npz"

    @property
    def tracking(self) -> Path:
        """What was sent of it to trackers, by destination. Written by the mirror that sends."""
        return self.path / "tracking.json"

    @property
    def archive(self) -> Path:
        """Earlier results that a rerun has set aside."""
        return self.path / "archive"


@dataclass(frozen=True)
class Store:
    """A folder that holds runs, studies (links into runs) and reports."""

    root: Path

    @cached_property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def studies(self) -> Path:
        return self.root / "studies"

    @property
    def reports(self) -> Path:
        return self.root / "reports" / "build"

    @property
    def archived(self) -> Path:
        """Runs that were put away: in no status and no table."""
        return self.root / "archived"

    @property
    def notes(self) -> Path:
        """What users say of runs and studies: tags, notes, names. A file per run or study."""
        return self.root / "notes"

    @property
    def pulled(self) -> Path:
        """Runs that were made elsewhere, as W&B holds them: records that a table may quote."""
        return self.root / "pulled"

    @property
    def costs(self) -> Path:
        """Parameters and MACs by model, norm, input shape and code tree."""
        return self.root / ".an-cli" / "costs"

    @property
    def code(self) -> Path:
        """Frozen copies of the source, a folder per distinct tree."""
        return self.root / ".an-cli" / "code"

    @property
    def searches(self) -> Path:
        """What searches remember of their trials, a folder each; made again from the runs where it is gone."""
        return self.root / ".an-cli" / "searches"

    @property
    def jobs(self) -> Path:
        """What was handed to the scheduler: a folder per submission, named by its token."""
        return self.root / ".an-cli" / "jobs"

    @property
    def mirror_log(self) -> Path:
        """What mirrors say when they fail."""
        return self.root / ".an-cli" / "mirror.log"

    @property
    def version(self) -> Path:
        return self.root / ".an-cli" / "store.json"

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run, whether it exists or not."""
        return RunFolder(self.runs / run_id)

    def run_ids(self) -> list[str]:
        """Ids of all run folders, sorted."""
        return list(subfolders(self.runs))

    def check_version(self) -> None:
        """Refuse a store that a newer an-cli has written.

        Raises:
            StoreError: the store's format is newer than this program's.
        """
        written = read_json(self.version) if self.version.exists() else {"version": STORE_VERSION}
        version = written.get("version") if isinstance(written, dict) else None
        if not isinstance(version, int) or version > STORE_VERSION:
            raise StoreError(
                f"the store's format is {version}, this an-cli knows {STORE_VERSION}",
                where=str(self.root),
                now="upgrade an-cli, or name another store with --store",
            )

    def prepare(self, config: CellConfig, choices: Mapping[str, str]) -> RunFolder:
        """Make the folder of a cell with its `cell.json`; a folder that is there already is left alone.

        Raises:
            StoreError: the store cannot be written, or the folder holds another cell.
        """
        run = self.run(cell_id(config))
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            self.version.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(run.path, error) from error
        if not self.version.exists():
            write_json(self.version, {"version": STORE_VERSION})
        if not run.cell.exists():
            write_json(run.cell, {"config": plain(config), "choices": dict(choices)})
        present = read_json(run.cell)
        if not isinstance(present, dict) or present.get("config") != plain(config):
            raise StoreError(
                "cell.json holds another cell than its id says", where=run.id, now="move the run folder away"
            )
        return run

    def link(self, study: str, label: str, run: RunFolder) -> None:
        """Point `studies/<study>/<label>` at a run; a link that points there already is left alone."""
        link = self.studies / study / label
        target = os.path.relpath(run.path, link.parent)
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            if link.is_symlink() and os.readlink(link) == target:
                return
            part = part_name(link)
            part.symlink_to(target)
            try:
                os.replace(part, link)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(link, error) from error
