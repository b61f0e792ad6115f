"""Reading what `torch.save` wrote, without running anything in it.

torch's weights-only reader builds tensors and plain values, and refuses every class that it does not know. Checkpoints
of training scripts hold such classes beside the tensors: a Namespace, a path, a config object. Here each of them is
read as an empty stand-in: neither its code nor its module is ever imported. What belongs to Python's own library and is
no plain value (a function that a pickle would call, above all) is refused.
"""

from __future__ import annotations

import pickletools
import re
import sys
import warnings
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import torch

from an_cli.errors import DataError

TENSORS_ALONE = "where it was made, save the tensors alone: torch.save(model.state_dict(), FILE)"
_GATHER = "gather them where it was made: get_model_state_dict(..., options=StateDictOptions(full_state_dict=True))"
COPY_AGAIN = "copy it again from its source"
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the magic number of files before torch 1.6
_PROTOCOL = 2  # torch's safe reader knows no later one
_LEGACY_PICKLES = 5  # number, protocol, system, object, storages
_MAPPINGS = frozenset({"collections.defaultdict", "collections.ChainMap", "builtins.dict"})
_LISTS = frozenset({"collections.deque", "builtins.list"})
# Values of Python's own library that checkpoints hold. Nothing of them is called: they are read as stand-ins too.
_PLAIN = re.compile(
    r"argparse\.Namespace|types\.SimpleNamespace|pathlib\.(_local\.)?(Pure)?(Posix|Windows)?Path|collections\.\w+"
    r"|datetime\.(date|time|datetime|timedelta|timezone)|zoneinfo\.ZoneInfo(\._unpickle)?|uuid\.(UUID|SafeUUID)"
    r"|decimal\.Decimal|fractions\.Fraction|typing\.\w+|enum\.\w+|copyreg\._reconstructor|_codecs\.encode"
    r"|builtins\.(set|frozenset|slice|complex|range|bytearray|bytes|object|dict|list|tuple|str|int|float|bool|type)"
)
_OF_TENSORS = re.compile(r"torch\.(?!nn\.modules)")
_SHARDED = ("torch.distributed.tensor.", "torch.distributed._tensor.", "torch.distributed._shard.")
_BYTES_OF = {
    "Double": 8, "Float": 4, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1, "Bool": 1,
    "ComplexDouble": 16, "ComplexFloat": 8, "QUInt8": 1, "QInt8": 1, "QInt32": 4, "Untyped": 1,
}  # fmt: skip


def read_torch_file(path: Path) -> object:
    """Read tensors and plain values of a file that `torch.save` wrote.

    Args:
        path: a zip archive, or the form that torch wrote before 1.6.

    Returns:
        What was saved; objects of other classes as empty stand-ins.

    Raises:
        DataError: the file is damaged, or holds something else.
    """
    with path.open("rb") as file:
        zipped = zipfile.is_zipfile(file)
        file.seek(0)
        names = _names_in_zip(file, path) if zipped else _names_in_legacy(file, path)
    for name in sorted(names):
        _refuse(name, path)
    kinds = {name: _kind(name) for name in names}  # torch looks at its own list first
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's advice on what it reads
        return _load(path, kinds)


def unreadable(what: str, path: Path, now: str) -> DataError:
    """The error of a file of which no weights can be read."""
    return DataError(f"cannot be read as weights: {what}", where=str(path), now=now)


def _refuse(name: str, path: Path) -> None:
    if name.startswith(_SHARDED):
        raise unreadable("its tensors are spread over processes (DTensor)", path, _GATHER)
    if name.partition(".")[0] in sys.stdlib_module_names and not _PLAIN.fullmatch(name):
        raise unreadable(f"it holds {name}, which is no plain value; nothing of it was run", path, TENSORS_ALONE)


def _load(path: Path, kinds: dict[str, type[_StandIn]]) -> object:
    """Load with stand-ins; torch fills only plain mappings and lists, so a class that turns out as one becomes one."""
    while True:
        allowed: list[Any] = [(kind, name) for name, kind in kinds.items()]
        try:
            with torch.serialization.safe_globals(allowed):
                return torch.load(path, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            match = re.search(r"Can only (\w+).* but got <class 'stand-in\.(.+?)'>", str(error))
            if match is None or not issubclass(kinds.get(match[2], _Mapping), _Object):
                raise _damaged(path, error, kinds) from error
            kinds[match[2]] = _named(_Mapping if match[1].startswith("SETITEM") else _List, match[2])
        except Exception as error:  # a damaged pickle makes the reader raise anything: KeyError, IndexError, TypeError
            raise _damaged(path, error, kinds) from error


def _damaged(path: Path, error: Exception, kinds: dict[str, type[_StandIn]]) -> DataError:
    if isinstance(error, OSError) and error.strerror:
        return unreadable(error.strerror, path, "check the path")
    if isinstance(error, MemoryError):
        return unreadable("it needs more memory than there is", path, TENSORS_ALONE)
    if foreign := sorted(name for name in kinds if not _PLAIN.fullmatch(name) and not _OF_TENSORS.match(name)):
        some = ", ".join(foreign[:3])
        return unreadable(f"it holds objects ({some})", path, TENSORS_ALONE)
    return unreadable("the file is damaged", path, COPY_AGAIN)


class _StandIn:
    """For a class that is not imported."""


class _Object(_StandIn):
    """Takes any arguments and any state, and keeps nothing."""

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        return object.__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __hash__(self) -> int:
        return id(self)


class _Mapping(_StandIn):
    """A kind of dict: its items are kept."""

    def __new__(cls, *args: object) -> Any:
        return OrderedDict()


class _List(_StandIn):
    """A kind of list: its items are kept."""

    def __new__(cls, *args: object) -> Any:
        return []


def class_of(value: object) -> str:
    """Dotted name of an object's class, also where only its stand-in was read."""
    kind = type(value)
    return kind.__qualname__ if issubclass(kind, _StandIn) else f"{kind.__module__}.{kind.__qualname__}"


def _named(kind: type[_StandIn], name: str) -> type[_StandIn]:
    return type(name, (kind,), {"__module__": "stand-in", "__qualname__": name})


def _kind(name: str) -> type[_StandIn]:
    return _named(_Mapping if name in _MAPPINGS else _List if name in _LISTS else _Object, name)


def _names_in_zip(file: BinaryIO, path: Path) -> set[str]:
    """Names of the classes in an archive whose every record is as it was written.

    Raises:
        DataError: a record is changed, cut or missing, or it is another archive.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.namelist()
            pickles = [name for name in entries if name == "data.pkl" or name.endswith("/data.pkl")]
            if len(pickles) != 1 or any(name.endswith("constants.pkl") for name in entries):
                raise _other_archive(entries, path)
            if (bad := _changed_record(archive)) is not None:
                raise unreadable(f"the record {bad} is damaged", path, COPY_AGAIN)
            raw = archive.read(pickles[0])
            sizes = {info.filename: info.file_size for info in archive.infolist()}
    except DataError:
        raise
    except Exception as error:  # zipfile raises BadZipFile, NotImplementedError, RuntimeError, zlib.error, struct.error
        raise unreadable("the archive is damaged", path, COPY_AGAIN) from error
    names = set(_class_names(raw, path))
    _check_sizes(raw, pickles[0].removesuffix("data.pkl") + "data/", sizes, path)
    return names


def _changed_record(archive: zipfile.ZipFile) -> str | None:
    """The first record that does not have its checksum. torch reads on, and so would take other weights for these."""
    records = archive.infolist()
    if not any(info.CRC for info in records):  # written with torch.serialization.set_crc32_options(False)
        for info in records:
            info.CRC = None  # type: ignore[assignment]
    for info in records:
        try:
            with archive.open(info) as record:
                while record.read(2**20):
                    pass
        except zipfile.BadZipFile:
            return info.filename
    return None


def _other_archive(entries: list[str], path: Path) -> DataError:
    if any(name.endswith("constants.pkl") for name in entries):
        return unreadable("it is a TorchScript program", path, TENSORS_ALONE)
    kind = "numpy arrays (.npz)" if any(name.endswith(".npy") for name in entries) else "a zip archive without tensors"
    return unreadable(f"it is {kind}", path, "give a file of torch.save")


def _check_sizes(raw: bytes, folder: str, sizes: dict[str, int], path: Path) -> None:
    """Make sure that no storage claims more bytes than its record has: torch would read past its end.

    Raises:
        DataError: one does.
    """
    for kind, key, count in _storages(raw, path):
        size = sizes.get(f"{folder}{key}")
        bytes_of = _BYTES_OF.get(re.split(r"[ .]", kind)[-1].removesuffix("Storage"), 1)
        if size is None or count < 0 or count * bytes_of > size:
            raise unreadable(f"the record {folder}{key} is missing or cut short", path, COPY_AGAIN)


def _names_in_legacy(file: BinaryIO, path: Path) -> set[str]:
    if not file.read(len(_LEGACY)) == _LEGACY:
        raise unreadable("a pickle that torch.save did not write", path, TENSORS_ALONE)
    file.seek(0)
    names: set[str] = set()
    for _ in range(_LEGACY_PICKLES):
        names |= set(_class_names(file, path))
    return names


def _class_names(pickled: bytes | BinaryIO, path: Path) -> Iterator[str]:
    """Dotted names as torch's reader looks them up; it knows no other opcode that gives one."""
    for opcode, argument, _ in _opcodes(pickled, path):
        if opcode == "PROTO" and argument > _PROTOCOL:
            raise unreadable(
                f"it was saved with pickle protocol {argument}, torch.save's own is 2", path, TENSORS_ALONE
            )
        if opcode == "GLOBAL":
            name = _full_name(str(argument))
            if not all(part.isidentifier() for part in name.replace("<locals>", "locals").split(".")):
                raise unreadable("the file is damaged", path, COPY_AGAIN)
            yield name


def _full_name(argument: str) -> str:
    module, _, name = argument.partition(" ")
    if (module, name) in NAME_MAPPING:
        module, name = NAME_MAPPING[module, name]
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"


def _storages(raw: bytes, path: Path) -> Iterator[tuple[str, str, int]]:
    """(class, record, elements) of each storage: a persistent id is ("storage", class, record, device, elements)."""
    memo: dict[Any, object] = {}
    pushed: list[object] = [None]
    for opcode, argument, _ in _opcodes(raw, path):
        if opcode in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = pushed[-1]
        elif opcode in ("BINGET", "LONG_BINGET"):
            pushed.append(memo.get(argument))
        elif opcode == "BINPERSID":
            kind, key, _, count, _ = pushed[-5:] if len(pushed) > 5 else (None,) * 5
            if isinstance(kind, str) and isinstance(key, str) and isinstance(count, int):
                yield kind, key, count
            else:
                raise unreadable("the file is damaged", path, COPY_AGAIN)
        elif opcode != "MARK":
            pushed.append(argument)
        del pushed[:-8]


def _opcodes(pickled: bytes | BinaryIO, path: Path) -> Iterator[tuple[str, Any, int | None]]:
    try:
        for opcode, argument, place in pickletools.genops(BytesIO(pickled) if isinstance(pickled, bytes) else pickled):
            yield opcode.name, argument, place
    except Exception as error:  # ValueError of any byte that is no opcode, UnicodeDecodeError, struct.error
        raise unreadable("the file is damaged", path, COPY_AGAIN) from error
