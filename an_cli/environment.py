"""The environment, read and cleaned in one place: what others have set for their programs is not taken for our own.

Called first by whoever starts: the command line, a worker, a job. What is left afterwards is what the user means for
an-cli; everything that is started from here inherits it.
"""

from __future__ import annotations

import codecs
import os
import pwd
import re
import sys
import tempfile
import warnings
from collections.abc import Mapping, MutableMapping
from contextlib import suppress

from an_cli.errors import bytes_shown

_RANKS = (  # of other launchers: ranks that an-cli starts are given their places as arguments
    "RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE GROUP_RANK GROUP_WORLD_SIZE ROLE_RANK ROLE_NAME ROLE_WORLD_SIZE "
    "NODE_RANK MASTER_ADDR MASTER_PORT"
)
_GIT = (  # of a hook, an alias or an editor: another repository than the one that our files lie in
    "GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR "
    "GIT_NAMESPACE GIT_PREFIX GIT_CEILING_DIRECTORIES GIT_CONFIG GIT_TRACE GIT_EXTERNAL_DIFF GIT_PAGER GIT_EDITOR"
)
_DRAWING = "MPLBACKEND"  # figures are drawn to files, whatever a notebook or a desktop shows them with
_CORES = "OMP_PROC_BIND OMP_PLACES KMP_AFFINITY GOMP_CPU_AFFINITY"  # of another program: cells share by their own rule
_PYTHON = (  # a library's warning is no error, and there is no prompt or profile at the end
    "PYTHONWARNINGS PYTHONOPTIMIZE PYTHONINSPECT PYTHONSTARTUP PYTHONDEVMODE PYTHONVERBOSE PYTHONDEBUG "
    "PYTHONPROFILEIMPORTTIME PYTHONTRACEMALLOC PYTHONASYNCIODEBUG"
)
_FOREIGN = frozenset(" ".join((_RANKS, _GIT, _DRAWING, _CORES, _PYTHON)).split())
_FOREIGN_PREFIXES = ("TORCHELASTIC_", "OMPI_", "PMI_", "PMIX_", "PMI2_", "HYDRA_")
_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_THREAD_LIMIT")
_COUNT = re.compile(r"\s*[1-9]\d{0,4}(\s*,\s*[1-9]\d{0,4})*\s*")
_AT_START = ("PYTHONWARNINGS", "PYTHONOPTIMIZE", "PYTHONINSPECT", "PYTHONDEVMODE")  # the interpreter has obeyed already
_USERS = ("LOGNAME", "USER", "LNAME", "USERNAME")
_SLURM_KEPT = frozenset({"SLURM_CONF"})
_SLURM = ("SLURM_", "SLURMD_", "SBATCH_", "SALLOC_", "SRUN_", "PMI_", "PMIX_", "PMI2_")
_SLURM_TOOLS = ("SQUEUE_", "SACCT_", "SINFO_", "SCONTROL_", "SCANCEL_", "SACCTMGR_", "SPRIO_")  # columns, sorting
LONGEST_FOLDER = 64  # bytes of a folder for sockets: a socket's whole name has room for 107
_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
SPELLED = "an_cli.spelled"  # how streams take what their encoding lacks
_SPELLED = str.maketrans(
    {
        "─": "-",
        "│": "|",
        "±": "+-",
        "…": "...",
        "\u2013": "-",
        "\u2014": "-",
        "\u00d7": "x",
        "·": ".",
        "→": "->",
        "≤": "<=",
    }
)


def clean(environment: MutableMapping[str, str] | None = None) -> None:
    """Take out what is not meant for an-cli, and put in what every process may rely on.

    Args:
        environment: changed in place; None is this process's.
    """
    own = os.environ if environment is None else environment
    dropped = [name for name in own if _is_foreign(name)]
    dropped += [name for name in _COUNTS if name in own and not _COUNT.fullmatch(own[name])]
    for name in dropped:
        del own[name]
    own["PYTHONUTF8"] = "1"  # of processes started from here: their files are UTF-8, whatever the locale says
    if not any(own.get(name) for name in _USERS) and not _has_account():
        own["USER"] = f"user{os.getuid()}"  # a container's user: libraries ask for its name
    if not own.get("HOME") and not _has_account():
        own["HOME"] = _FOLDERS[0]


def _is_foreign(name: str) -> bool:
    return name in _FOREIGN or name.startswith(_FOREIGN_PREFIXES)


def _has_account() -> bool:
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return True


def without_slurm(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what an enclosing allocation or a user's taste in columns has set for SLURM's commands.

    Where SLURM's configuration is stays.
    """
    return {
        name: value
        for name, value in environment.items()
        if name in _SLURM_KEPT or not name.startswith((*_SLURM, *_SLURM_TOOLS))
    }


def shell_lines() -> list[str]:
    """Shell lines by which a job script cleans what its submitter's environment has handed to it."""
    names = " ".join(sorted(_FOREIGN))
    patterns = " ".join(f"${{!{prefix}@}}" for prefix in (*_SLURM_TOOLS, "TORCHELASTIC_"))
    return [f"unset {names} {patterns} SLURM_TIME_FORMAT", "export PYTHONUTF8=1"]


def start_over() -> None:
    """Begin this process again where its interpreter has obeyed foreign variables, or cannot read UTF-8 names.

    Does not return then. The second start finds nothing to repair.
    """
    foreign = [name for name in _AT_START if os.environ.get(name)]
    narrow = sys.getfilesystemencoding().lower().replace("-", "") != "utf8" and os.environ.get("PYTHONUTF8") != "1"
    if not (foreign or narrow) or not sys.orig_argv[1:] or not sys.executable:
        return
    if sys.stdout is not None:  # the terminal still shows what it could show
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    for name in foreign:
        del os.environ[name]
    os.environ["PYTHONUTF8"] = "1"
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def hush_libraries() -> None:
    """Print no warnings of libraries: they are for who writes programs with them. `python -W default` shows them."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def open_streams() -> None:
    """See to it that all three standard streams are open and can print any character.

    One that was closed at the start would otherwise be the next file that is opened: a record with messages in it.
    """
    for number, name, mode in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, mode)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors=SPELLED)  # type: ignore[union-attr]


def _spelled(error: UnicodeError) -> tuple[str | bytes, int]:
    """What to print for characters that an encoding lacks: the table's signs in plain letters, others escaped."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = bytes_shown(error.object[error.start : error.end]).translate(_SPELLED)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(SPELLED, _spelled)


def short_temporary_folder() -> None:
    """Put this process's temporary files where a socket's name fits and something can be written.

    Loader processes hand batches over through sockets in the temporary folder; the kernel takes names of 107 bytes.
    """
    for folder in (os.environ.get("TMPDIR") or _FOLDERS[0], *_FOLDERS):
        if len(os.fsencode(os.path.abspath(folder))) <= LONGEST_FOLDER and _takes_files(folder):
            os.environ["TMPDIR"] = tempfile.tempdir = os.path.abspath(folder)
            return


def _takes_files(folder: str) -> bool:
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"room?")
            file.flush()
    except OSError:
        return False
    return True


def printable(text: str, longest: int = 100_000) -> str:
    """A text that any file and any terminal takes: surrogates and control characters spelled out, its middle cut out.

    Args:
        text: of an exception, a path, a library.
        longest: characters to keep.
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]}\n[{len(text) - longest} characters left out]\n{text[-(longest // 2) :]}"
    text = "".join(char if char in "\n\t" or not _is_control(char) else _escape(char) for char in bytes_shown(text))
    return text.encode("utf-8", "backslashreplace").decode()


def _is_control(char: str) -> bool:
    return char < " " or "\x7f" <= char <= "\x9f"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def text_of(error: BaseException) -> str:
    """What an exception says, even where saying it fails."""
    try:
        return printable(str(error))
    except Exception as second:
        return f"(no text: {type(second).__name__} while writing it)"
