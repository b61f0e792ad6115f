"""Starting processes: what is wanted against what exists, costs, and runs on this machine."""

from an_cli.launch.ask.costs import Costs, cost_key, find_costs
from an_cli.launch.ask.door import Door
from an_cli.launch.here.crew import Phase, RunState, Snapshot, run_cells
from an_cli.launch.here.machine import Here, run_foreground
from an_cli.launch.here.sharing import Share, own_gpus, share_machine, visible_gpus
from an_cli.launch.place import Place
from an_cli.launch.prepare import check_data, check_ranks, link_study, prepare_run, prepare_study, settle
from an_cli.launch.reconcile import Action, Reconciliation, reconcile
from an_cli.launch.upkeep.rerun import find_reruns, made_by_other_code, set_aside_all

__all__ = [
    "Action", "Costs", "Door", "Here", "Phase", "Place", "Reconciliation", "RunState", "Share", "Snapshot",
    "check_data", "check_ranks", "cost_key", "find_costs", "find_reruns", "link_study", "made_by_other_code",
    "own_gpus", "prepare_run", "prepare_study", "reconcile", "run_cells", "run_foreground", "set_aside_all",
    "settle", "share_machine", "visible_gpus",
]  # fmt: skip
