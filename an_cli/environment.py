"""The surroundings of a process: what others put into its environment and is not meant for us, cleaned in one place.

Both wings' entries (`an-cli`, and the heavy door's verbs) call this first, so that whatever they start inherits a clean
environment: git and SLURM's commands answer in the form that is parsed, sockets get short names, and what is printed
can be printed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import MutableMapping
from contextlib import suppress

_NAMES = frozenset(
    {
        # Another launcher's ranks (torchrun, a pod, a notebook): only those that an-cli has started are ours.
        "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK",
        "ROLE_WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT",
        # Another repository than the one that a folder belongs to, as inside a git hook.
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CEILING_DIRECTORIES",
        # Of another Python program, or of a notebook's: what we start would fail, wait, or draw on a screen.
        "MPLBACKEND", "PYTHONWARNINGS", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONIOENCODING", "PYTHONOPTIMIZE",
        "HYDRA_FULL_ERROR",
        # How SLURM prints times and lists, which are parsed here.
        "SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN",
    }
)  # fmt: skip
_PREFIXES = ("TORCHELASTIC_", "SQUEUE_", "SACCT_", "SINFO_", "SCONTROL_")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# A socket's name has 108 bytes at most; multiprocessing appends up to 40 to the temporary folder's name.
_LONGEST_FOLDER = 60
_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def clean(environ: MutableMapping[str, str] = os.environ) -> None:
    """Remove what is not meant for us; what is left is the user's, and goes to whatever is started from here."""
    for name in list(environ):
        if name in _NAMES or name.startswith(_PREFIXES):
            del environ[name]
    for name in _THREADS:
        if name in environ and not environ[name].isdigit():
            del environ[name]
    environ["PYTHONUTF8"] = "1"  # whatever the locale: what we start reads and writes what we do


def shorten_temporary_folder(environ: MutableMapping[str, str] = os.environ) -> None:
    """Take another temporary folder where the one given has no room for a socket's name, or cannot be written."""
    given = environ.get("TMPDIR", "")
    if not given or (len(os.fsencode(os.path.abspath(given))) <= _LONGEST_FOLDER and os.access(given, os.W_OK)):
        return
    usable = [folder for folder in _SHORT_FOLDERS if os.access(folder, os.W_OK | os.X_OK)]
    if usable:
        environ["TMPDIR"] = usable[0]
        tempfile.tempdir = None  # remembered from before


def open_streams() -> None:
    """Let every standard stream be open, and let output replace what its encoding lacks.

    A closed descriptor would be given to the next file that is opened, and prints would go into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.dup(number), "w", encoding="utf-8", errors="replace"))
    with suppress(AttributeError, ValueError):  # a stream that is not a file's, in a test
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    if sys.warnoptions:  # -W error, or PYTHONWARNINGS: a library's warning is no failure of ours
        warnings.resetwarnings()
        warnings.simplefilter("ignore")


def die_with_parent() -> None:
    """Be ended when the process that asks is gone: nobody would read the answer."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)
    if os.getppid() != parent:  # it went between the two
        os.kill(os.getpid(), signal.SIGTERM)
