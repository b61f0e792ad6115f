"""What an experiment is called: a hash of its fully resolved config.

Identity is by type, never by an exclude list: everything in `CellConfig` counts, nothing else does. A default changed
in YAML therefore changes the id, and old results are not taken for new ones.
"""

from __future__ import annotations

import hashlib

from an_cli.config.reader import plain
from an_cli.config.schema import CellConfig
from an_cli.files import canonical_json

ID_LENGTH = 16  # hex digits: 64 bits


def cell_id(config: CellConfig) -> str:
    """The id of a cell: 16 hex digits of the SHA-256 of its canonical JSON."""
    return hashlib.sha256(canonical_json(plain(config)).encode()).hexdigest()[:ID_LENGTH]
