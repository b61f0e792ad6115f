"""Training as the paper's Section 4.2 does it: tasks, schedule, state, checkpoints, the loop."""

from an_cli.train.attempt import attempt, make_cell_model, read_launch
from an_cli.train.signals import Interrupted, StopFlag
from an_cli.train.world import Seat, World, join, leave, lost_a_rank

__all__ = [
    "Interrupted", "Seat", "StopFlag", "World", "attempt", "join", "leave", "lost_a_rank", "make_cell_model",
    "read_launch",
]  # fmt: skip
