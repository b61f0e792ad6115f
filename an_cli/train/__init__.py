"""Training as the paper's Section 4.2 does it: tasks, schedule, state, checkpoints, the loop."""

from an_cli.train.attempt import attempt, make_cell_model, read_launch
from an_cli.train.signals import Interrupted, StopFlag

__all__ = ["Interrupted", "StopFlag", "attempt", "make_cell_model", "read_launch"]
