"""Run folders: their names, life cycle and records; reading them back."""

from an_cli.store.claims import Claim, Life, life, newest_claim, take
from an_cli.store.code_tree import code_tree, commit
from an_cli.store.correct import PLANES, Correct
from an_cli.store.folder import RunFolder, Store
from an_cli.store.reading import (
    read_config,
    read_correct,
    read_progress,
    read_result,
    read_run,
    read_run_and_count,
    read_runs,
    status_of,
)
from an_cli.store.records import Attempt, Evaluation, Progress, Result, RunRecord, Status
from an_cli.store.writing import RunWriter, set_aside

__all__ = [
    "PLANES", "Attempt", "Claim", "Correct", "Evaluation", "Life", "Progress", "Result", "RunFolder", "RunRecord",
    "RunWriter", "Status", "Store", "code_tree", "commit", "life", "newest_claim", "read_config", "read_correct",
    "read_progress", "read_result", "read_run", "read_run_and_count", "read_runs", "set_aside", "status_of", "take",
]  # fmt: skip
