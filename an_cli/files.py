"""The only writers of whole files, and strict readers: atomic replace, append a line, JSON, JSON lines, YAML.

A reader of a file on NFS may meet a half-written line or an empty file; what is written here is therefore either
replaced whole (write, fsync, rename) or appended one line at a time, and a torn line is skipped and counted.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import msgspec
import yaml

from an_cli.errors import AnError, ConfigError, StoreError

# What any reader of YAML files may meet. ValueError: bytes that are not UTF-8, the 45th of a month.
FILE_ERRORS = (OSError, yaml.YAMLError, ValueError, RecursionError)
_FLOAT = re.compile(
    r"""^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
    |[-+]?\.[0-9_]+(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)

JsonDecoder = msgspec.json.Decoder  # of one shape (a TypedDict): what the shape does not name is checked and left out
RawJson = msgspec.Raw  # a value that is not decoded yet


_ODD = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[-+]?0[0-9_]+|[-+]?[0-9.]*_[0-9_.]*|[0-9]{4}-[0-9].*")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.1 with two repairs: `1e-4` is a number, and a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue  # the parent class says so
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return cast("dict[Any, Any]", super().construct_mapping(node, deep))


def _refuse_odd(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    """YAML 1.1 reads 12:30:00 as 45000, 010 as 8 and 2026-11-25 as a date: nobody means that."""
    text = str(node.value)
    if _ODD.fullmatch(text) is None:
        return yaml.SafeLoader.yaml_constructors[node.tag](loader, node)
    raise yaml.constructor.ConstructorError(
        None, None, f"{text} would be read as another number, or as a date: quote a text, write a number plainly",
        node.start_mark,
    )  # fmt: skip


for _kind in ("int", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _refuse_odd)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would take for a number: a folder named 1e5 stays a text."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def canonical_json(value: object) -> str:
    """One spelling for one value: sorted keys, no spaces, shortest floats, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def write_atomic(path: Path, data: bytes | str, *, before_replace: Callable[[], None] = lambda: None) -> None:
    """Replace a file whole, so that a reader sees the old bytes or the new, never a part.

    Args:
        path: the file; its folder must exist.
        data: all of its bytes; text is written as UTF-8, with what UTF-8 has no bytes for spelled out.
        before_replace: called when the bytes are on disk and the old file still stands; what it raises leaves it so.

    Raises:
        StoreError: no space, no permission or a read-only file system; the old file stands.
    """
    raw = data.encode(errors="backslashreplace") if isinstance(data, str) else data
    part = part_name(path)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            _write_all(descriptor, raw)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        before_replace()
        os.replace(part, path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def part_name(path: Path) -> Path:
    """A name beside a file for what will replace it; on a shared disk two hosts may have processes of one number."""
    return path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, raw: bytes) -> None:
    view = memoryview(raw)
    while view:
        view = view[os.write(descriptor, view) :]


def write_json(path: Path, value: object, *, before_replace: Callable[[], None] = lambda: None) -> None:
    """Write a value as indented JSON, atomically (see `write_atomic`)."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
    write_atomic(path, text, before_replace=before_replace)


def append_line(path: Path, value: Mapping[str, object]) -> None:
    """Append one JSON line in a single write.

    A line that a crash has torn is closed first, so that it spoils itself only.
    """
    line = canonical_json(value).encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            _write_all(descriptor, b"\n" + line if torn else line)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> StoreError:
    """The message for a write that the file system refused."""
    return StoreError(
        f"cannot write {path.name}: {error.strerror or error}",
        where=str(path.parent),
        now="free space or make the folder writable, then give the same command again; nothing finished is lost",
    )


def _decode(raw: bytes) -> Any:
    """A JSON value. File names that are not UTF-8 are written as lone surrogates, which only json takes."""
    try:
        return msgspec.json.decode(raw)
    except ValueError:
        if b"\\ud" not in raw:
            raise
        return json.loads(raw)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        StoreError: the file is missing, unreadable or not JSON.
    """
    try:
        return _decode(read_whole(path))  # a tenth of json's time, which tells over 10,000 runs
    except OSError as error:
        raise StoreError(f"cannot read {path.name}: {error.strerror}", where=str(path.parent)) from error
    except (ValueError, RecursionError) as error:
        raise StoreError(
            f"{path.name} is not JSON: {error}", where=str(path.parent), now="restore it or move its folder away"
        ) from error


def read_json_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Read JSON lines, skipping what a crash has torn.

    Returns:
        The objects in order, and how many lines were skipped. A missing file has no lines.
    """
    lines = [line for line in read_lines(path).split(b"\n") if line.strip()]
    values = [value for line in lines if (value := json_object(line)) is not None]
    return values, len(lines) - len(values)


def read_whole(path: Path) -> bytes:
    """All bytes of a file, in half the calls of `Path.read_bytes`: a store of 10,000 runs has 40,000 small files.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks = [os.read(descriptor, os.fstat(descriptor).st_size + 1)]
        while chunks[-1]:
            chunks.append(os.read(descriptor, 1 << 20))
        return b"".join(chunks)
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> bytes:
    """All bytes of a file of lines; none where it does not exist.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        return read_whole(path)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise StoreError(f"cannot read {path.name}: {error.strerror}", where=str(path.parent)) from error


def json_object(line: bytes) -> dict[str, Any] | None:
    """The JSON object that a line holds; None where it holds none."""
    try:
        value = _decode(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_yaml(path: Path, error: type[AnError] = ConfigError) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Args:
        path: the file.
        error: the class of error to raise, by what the file is for.
    """
    try:
        value = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except OSError as problem:
        raise error(f"cannot read {path.name}: {problem.strerror}", where=str(path.parent)) from problem
    except FILE_ERRORS as problem:
        what, place = _yaml_trouble(problem, path)
        raise error(f"{path.name} is not YAML that can be read: {what}", where=f"{path}{place}") from problem
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise error(f"{path.name} must hold a mapping with words as keys", where=str(path))
    return cast("dict[str, Any]", value)


def _yaml_trouble(problem: Exception, path: Path) -> tuple[str, str]:
    """What is wrong with a file, and `:line:column` where that is known."""
    mark = getattr(problem, "problem_mark", None)
    place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
    text = " ".join(str(getattr(problem, "problem", None) or problem).split())
    if mark is not None and "cannot start any token" in text:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if lines[mark.line : mark.line + 1] and lines[mark.line][mark.column : mark.column + 1] == "\t":
            text = "a tab stands where YAML takes spaces only"
    return text, place


def json_text(value: object) -> str:
    """A value as `write_json` writes it."""
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"


def dump_yaml(value: object) -> str:
    """Text of a YAML file, keys in the order given."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


def subfolders(folder: Path) -> Iterable[str]:
    """Names of the folders in a folder, sorted; none where it does not exist."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
