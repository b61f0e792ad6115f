"""Training as the paper's Section 4.2 does it: tasks, schedule, state, checkpoints, the loop."""

from an_cli.train.attempt import attempt, read_launch
from an_cli.train.image_task import ImageTask
from an_cli.train.make_task import initial_model, make_task
from an_cli.train.signals import Interrupted, Paused, StopFlag
from an_cli.train.task import Evaluated, Scores, StepKey, Task
from an_cli.train.world import Seat, World, join, leave, lost_a_rank

__all__ = [
    "Evaluated", "ImageTask", "Interrupted", "Paused", "Scores", "Seat", "StepKey", "StopFlag", "Task", "World",
    "attempt", "initial_model", "join", "leave", "lost_a_rank", "make_task", "read_launch",
]  # fmt: skip
