"""Whether the test cluster is there."""

from __future__ import annotations

import os
import shutil
import subprocess


def has_cluster() -> bool:
    """Whether SLURM answers here, and this process may hurt it."""
    if os.geteuid() != 0 or shutil.which("squeue") is None:
        return False
    try:
        config = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:  # installed, and nobody answers
        return False
    return config.returncode == 0 and "= antest" in config.stdout
