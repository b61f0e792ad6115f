"""Run folders: their names, life cycle and records; reading them back."""

from an_cli.store.claims import (
    Claim,
    Holder,
    Life,
    ask_to_stop,
    forget_stop,
    holder_life,
    is_here,
    life,
    newest_claim,
    read_holder,
    take,
    this_process,
)
from an_cli.store.code_tree import code_tree, commit, is_current
from an_cli.store.doing import Activity, Doing, read_doing, write_doing
from an_cli.store.folder import RunFolder, Store
from an_cli.store.measures import (
    CLASSIFICATION,
    DETECTION,
    Complement,
    Measures,
    is_informative,
    measures_of,
    measures_of_all,
)
from an_cli.store.per_sample import Kind, PerSample
from an_cli.store.reading import (
    error_line,
    is_finished,
    read_config,
    read_imported,
    read_per_sample,
    read_progress,
    read_result,
    read_run,
    read_run_and_count,
    read_runs,
    status_of,
)
from an_cli.store.records import Attempt, Evaluation, Imported, Progress, Result, RunRecord, Status, contributing
from an_cli.store.submissions import End, Submission, newest_submission, take_submission
from an_cli.store.writing import RunWriter, set_aside

__all__ = [
    "Activity", "Attempt", "CLASSIFICATION", "Claim", "Complement", "DETECTION", "Doing", "End", "Evaluation",
    "Holder", "Imported", "Kind", "Life", "Measures", "PerSample", "Progress", "Result", "RunFolder", "RunRecord",
    "RunWriter", "Status", "Store", "Submission", "ask_to_stop", "code_tree", "commit", "contributing",
    "error_line", "forget_stop", "holder_life", "is_current", "is_finished", "is_here", "is_informative", "life",
    "measures_of", "measures_of_all", "newest_claim", "newest_submission", "read_config", "read_doing",
    "read_holder", "read_imported", "read_per_sample", "read_progress", "read_result", "read_run",
    "read_run_and_count", "read_runs", "set_aside", "status_of", "take", "take_submission", "this_process",
    "write_doing",
]  # fmt: skip
