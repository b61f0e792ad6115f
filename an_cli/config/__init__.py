"""Experiments as frozen values: shapes, strict reading, composition, identity."""

from an_cli.config.cell_json import cell_id, read_cell_quickly
from an_cli.config.compose import Composed, Composer, compose
from an_cli.config.launching import LaunchConfig
from an_cli.config.reader import leaves, plain, read
from an_cli.config.schema import CellConfig

__all__ = [
    "CellConfig", "Composed", "Composer", "LaunchConfig", "cell_id", "compose", "leaves", "plain", "read",
    "read_cell_quickly",
]  # fmt: skip
