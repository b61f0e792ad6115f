"""A file from elsewhere: what `torch.save` wrote, or safetensors; anything else is named as what it is."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from an_cli.errors import DataError
from an_cli.models.torch_file import COPY_AGAIN, TENSORS_ALONE, read_torch_file, unreadable

_NOW = "give a file of torch.save or of safetensors"
_BEGINNINGS = (  # of what is found under the name of a checkpoint
    (b"version https://git-lfs", "a git-lfs pointer, not the file itself", "fetch it: git lfs pull"),
    (b"<!doctype", "an HTML page", "download the file itself"),
    (b"<html", "an HTML page", "download the file itself"),
    (b"<?xml", "an XML answer of a server", "download the file itself"),
    (b"\x89hdf", "HDF5 (Keras)", _NOW),
    (b"\x1f\x8b", "packed by gzip", "unpack it: gunzip FILE"),
    (b"bzh", "packed by bzip2", "unpack it: bunzip2 FILE"),
    (b"\xfd7zxz", "packed by xz", "unpack it: unxz FILE"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it: unzstd FILE"),
    (b"\x93numpy", "a numpy array", _NOW),
    (b"gguf", "GGUF", _NOW),
)
_TAR_MAGIC, _TAR_PLACE = b"ustar", 257
_OLD_TAR = (b"sys_info\0", b"pickle\0", b"storages\0", b"tensors\0")  # of torch before 0.1.10
_ZIP = b"PK\3\4"
_SPACE = 0x20  # the first character that can be seen
_HEAD = 512
_LONGEST_HEADER = 100 * 2**20  # of safetensors, by its definition
_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
}  # fmt: skip


def read_file(path: Path) -> object:
    """Read a file of tensors; no code in it is run.

    Returns:
        What it holds: mappings, tensors and plain values.

    Raises:
        DataError: the file is missing, damaged, or something else, which is named.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise unreadable(error.strerror or "no file", path, "check the path") from error
    if head.startswith((_ZIP, b"\x80")):
        _refuse_cut_zip(head, path)
        return read_torch_file(path)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER:
        return _read_safetensors(path)
    what, now = _something_else(head, path)
    raise unreadable(what, path, now)


def _refuse_cut_zip(head: bytes, path: Path) -> None:
    """An archive has its table at the end, so what is cut is not even seen to be one."""
    if head.startswith(_ZIP) and not zipfile.is_zipfile(path):
        raise unreadable("the archive is cut short", path, COPY_AGAIN)


def _something_else(head: bytes, path: Path) -> tuple[str, str]:
    """What the file is instead, and what to do."""
    if not head:
        return "the file is empty", COPY_AGAIN
    start = head.lstrip().lower()
    for beginning, kind, now in _BEGINNINGS:
        if start.startswith(beginning):
            return f"it is {kind}", now
    if start.startswith(b"{"):
        return _json(path)
    if head[_TAR_PLACE : _TAR_PLACE + 5] == _TAR_MAGIC or head.startswith(_OLD_TAR):
        return "it is a tar archive", "unpack it: tar -xf FILE"
    if path.suffix == ".safetensors":
        return "the safetensors header is damaged", COPY_AGAIN
    if all(byte >= _SPACE or byte in b"\t\n\r\f" for byte in head):
        return "it is text", _NOW
    return "the file is damaged, or of another kind", _NOW


def _json(path: Path) -> tuple[str, str]:
    try:
        weight_map = json.loads(path.read_bytes())["weight_map"]
        files = sorted({str(file) for file in weight_map.values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "it is JSON", _NOW
    merge = "from safetensors.torch import load_file, save_file; save_file({**load_file(A), **load_file(B)}, FILE)"
    return f"it is the index of {len(files)} files ({', '.join(files[:2])}, ...)", f"merge them: {merge}"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file: the length of a JSON header, the header, the bytes of the tensors.

    Raises:
        DataError: the header is damaged, or names bytes that are not there.
    """
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    body = memoryview(raw)[8 + length :]
    try:
        header = json.loads(raw[8 : 8 + length].decode())
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        tensors = {name: _tensor(entry, body) for name, entry in entries.items()}
        places = sorted(entry["data_offsets"] for entry in entries.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, RuntimeError) as error:
        raise _bad_safetensors(path) from error
    begins, ends = [begin for begin, _ in places], [end for _, end in places]
    if [*begins, len(body)] != [0, *ends]:  # each byte belongs to exactly one tensor
        raise _bad_safetensors(path)
    return tensors


def _bad_safetensors(path: Path) -> DataError:
    return unreadable("the safetensors file is damaged or cut short", path, COPY_AGAIN)


def _tensor(entry: Mapping[str, Any], body: memoryview) -> Tensor:
    dtype, shape, (begin, end) = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    if not all(isinstance(size, int) and size >= 0 for size in (*shape, begin, end)) or end > len(body):
        raise ValueError("sizes")
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError("bytes")
    if begin == end:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(body[begin:end]), dtype=dtype).reshape(shape)


def plain_tensor(tensor: Tensor, name: str, path: Path) -> Tensor:
    """A tensor as values in memory: dense and contiguous.

    Raises:
        DataError: it has no values, or values that are no weights by themselves.
    """
    kind = None
    if tensor.is_meta:
        kind = "on the meta device: it has no values"
    elif tensor.is_quantized:
        kind = "quantized"
    elif tensor.layout is not torch.strided:
        kind = "sparse"
    elif tensor.is_complex():
        kind = "complex"
    if kind is not None:
        raise DataError(f"tensor {name} is {kind}", where=str(path), now=TENSORS_ALONE)
    dense = tensor.detach().as_subclass(Tensor).contiguous()
    return dense.float() if dense.is_floating_point() and dense.dtype.itemsize == 1 else dense
