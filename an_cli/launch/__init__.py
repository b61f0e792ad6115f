"""Starting processes: what is wanted against what exists, costs, and runs on this machine."""

from an_cli.launch.costs import Costs, cost_key, find_costs
from an_cli.launch.door import Door, refusal
from an_cli.launch.foreground import run_foreground
from an_cli.launch.launcher import Here, Launcher
from an_cli.launch.local import Phase, RunState, Snapshot, run_cells
from an_cli.launch.prepare import check_data, check_ranks, link_study, prepare_run, prepare_study, settle
from an_cli.launch.reconcile import Action, Reconciliation, reconcile
from an_cli.launch.rerun import find_reruns, made_by_other_code, set_aside_all
from an_cli.launch.sharing import Share, own_gpus, share_machine, visible_gpus

__all__ = [
    "Action", "Costs", "Door", "Here", "Launcher", "Phase", "Reconciliation", "RunState", "Share", "Snapshot",
    "check_data", "check_ranks", "cost_key", "find_costs", "find_reruns", "link_study", "made_by_other_code",
    "own_gpus", "prepare_run", "prepare_study", "reconcile", "refusal", "run_cells", "run_foreground", "set_aside_all",
    "settle", "share_machine", "visible_gpus",
]  # fmt: skip
