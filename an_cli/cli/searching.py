"""A search as asked for on the command line: its study, its place in a store, and what is known of its trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from an_cli.cli.study import split
from an_cli.config import Composer, LaunchConfig
from an_cli.errors import AnError
from an_cli.files import cannot_write
from an_cli.plan import Plan, load_named
from an_cli.plan.candidates import Candidates
from an_cli.plan.trials import Trials, read_journal
from an_cli.store import Measures, Store, measures_of

JOURNAL = "journal.log"


@dataclass(frozen=True, kw_only=True)
class AskedSearch:
    """A search as asked for.

    Attributes:
        candidates: its choices as cells.
        launch: how its runs are started.
        measures: that its runs record.
        url: of Optuna's storage; None: the journal in the search's folder.
    """

    candidates: Candidates
    launch: LaunchConfig
    measures: Measures
    store: Store
    url: str | None

    @property
    def name(self) -> str:
        """Of its links, its folder and its study in Optuna: the file's; with overrides another."""
        study = self.candidates.study
        plan = Plan(study=study.name, title="", lineage=(), rows=(), cells=(), overrides=study.overrides)
        return plan.folder

    @property
    def folder(self) -> Path:
        """Where its journal lies."""
        return self.store.searches / self.name

    def make_folder(self) -> None:
        """Make its folder.

        Raises:
            StoreError: the store cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def trials(self) -> Trials:
        """All trials, read without Optuna where they are in our journal.

        Raises:
            StoreError: the journal cannot be read.
        """
        if self.url is None:
            return read_journal(self.folder / JOURNAL, self.name, self.candidates.space)
        from an_cli.plan.searching import Searching

        return Trials(Searching(self.candidates, self.store, self.folder, self.url).asking.trials())


def ask_search(name: str, words: Sequence[str], store: Store, url: str | None, *, check: bool = False) -> AskedSearch:
    """Read a search by name.

    Args:
        name: of its file, or of a variant that the store knows.
        words: overrides of its base, and `launch.` words.
        store: where its runs are.
        url: of Optuna's storage.
        check: compose the corners of its space and its starting points.

    Raises:
        StudyError: no such study, no search, or a space that does not hold together.
    """
    launch, science = split(words)
    composer = Composer()
    candidates = Candidates(load_named(name, store, science), composer)
    if check:
        candidates.check()
    _, corner = next(iter(candidates.space.corners()))
    study = candidates.study
    composed = composer.compose([*study.base, *candidates.space.words(corner), *launch])
    return AskedSearch(
        candidates=candidates, launch=composed.launch, measures=measures_of(composed.cell), store=store, url=url
    )


def named_search(name: str, store: Store) -> bool:
    """Whether a name is a search's; one that is no study's is not, and whoever asks next says so."""
    try:
        return load_named(name, store).search is not None
    except AnError:
        return False
