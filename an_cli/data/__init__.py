"""Data sets, their batches in keyed order, and what is done to a batch."""

from an_cli.data.batches import Batch, loader_processes, make_eval_batches, make_train_batches
from an_cli.data.dataset import DataPair, DataSet
from an_cli.data.draws import Purpose, torch_seed
from an_cli.data.memory import MemorySet
from an_cli.data.mixup import Mixed, mixup
from an_cli.data.normalize import normalize
from an_cli.data.order import eval_shard, steps_per_epoch
from an_cli.data.sources import make_data, make_eval_data

__all__ = [
    "Batch",
    "DataPair",
    "DataSet",
    "MemorySet",
    "Mixed",
    "Purpose",
    "eval_shard",
    "loader_processes",
    "make_data",
    "make_eval_batches",
    "make_eval_data",
    "make_train_batches",
    "mixup",
    "normalize",
    "steps_per_epoch",
    "torch_seed",
]
