"""Checkpoints as found in the wild: containers, prefixes, values beside the tensors, and what is no checkpoint."""

from __future__ import annotations

import argparse
import builtins
import collections
import datetime
import decimal
import enum
import json
import os
import pathlib
import pickle
import random
import subprocess
import types
import uuid
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from an_cli.config import Composer
from an_cli.errors import DataError
from an_cli.models import make_model, published_names, read_state, read_weights
from tests.checks.fuzz_files import mutate, read_or_refused, sample_files, small_network
from tests.tiny import TINY

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def network(composer: Composer) -> nn.Module:
    cell = composer.compose(TINY).cell
    return make_model(cell.model, cell.norm, cell.recipe, classes=10, channels=1)


@pytest.fixture(params=["our", "published"])
def named(request: pytest.FixtureRequest, network: nn.Module) -> tuple[str, State]:
    """A naming, and a network's tensors in it."""
    own = network.state_dict()
    names = published_names(network) if request.param == "published" else {name: name for name in own}
    return request.param, {names[name]: tensor for name, tensor in own.items()}


def assert_read(path: Path, network: nn.Module, naming: str, *, ema: bool = False, factor: float = 1) -> str:
    found = read_state(path, network, ema=ema)
    assert found.names == naming
    for name, tensor in network.state_dict().items():
        expected = tensor * factor if tensor.is_floating_point() else tensor
        assert torch.equal(found.state[name], expected)
    return found.taken


def scaled(state: State, factor: float) -> State:
    return {name: tensor * factor if tensor.is_floating_point() else tensor for name, tensor in state.items()}


CONTAINERS = [
    ("state_dict",), ("model",), ("model_state_dict",), ("net",), ("module",), ("params",), ("weights",), ("network",),
    ("model_state",), ("state_dict", "model"), ("checkpoint", "model", "state_dict"), (),
]  # fmt: skip
PREFIXES = [
    "", "module.", "_orig_mod.", "model.", "net.", "backbone.", "encoder.", "module.module.", "module._orig_mod.",
    "_orig_mod.module.", "model._orig_mod.module.", "student.backbone.",
]  # fmt: skip


@pytest.mark.parametrize("container", CONTAINERS)
def test_any_container_is_opened_and_it_is_said_which(
    named: tuple[str, State], network: nn.Module, tmp_path: Path, container: tuple[str, ...]
) -> None:
    naming, state = named
    found: dict[str, Any] = state
    for key in reversed(container):
        moments = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}
        found = {key: found, "optimizer": moments, "epoch": 3, "best_acc1": torch.tensor(70.0)}
    torch.save(found, tmp_path / "weights.pth")
    assert assert_read(tmp_path / "weights.pth", network, naming) == "/".join(container)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_prefix_is_left_out_and_it_is_said_which(
    named: tuple[str, State], network: nn.Module, tmp_path: Path, prefix: str
) -> None:
    naming, state = named
    torch.save({"state_dict": {f"{prefix}{name}": tensor for name, tensor in state.items()}}, tmp_path / "weights.pth")
    shown = prefix.replace("_orig_mod.", "")
    expected = f"state_dict, without the prefix {shown}" if shown else "state_dict"
    assert assert_read(tmp_path / "weights.pth", network, naming) == expected


def test_wrappers_around_parts_are_left_out(named: tuple[str, State], network: nn.Module, tmp_path: Path) -> None:
    naming, state = named
    wrapped = {name.replace(".", "._orig_mod.", 1): tensor for name, tensor in state.items()}
    torch.save(wrapped, tmp_path / "weights.pth")
    assert_read(tmp_path / "weights.pth", network, naming)


@pytest.mark.parametrize(
    "average",
    [
        lambda ema: {"state_dict_ema": ema},
        lambda ema: {"model_ema": {"n_averaged": torch.tensor(4), **{f"module.{n}": t for n, t in ema.items()}}},
        lambda ema: {"ema": {"shadow": ema, "decay": 0.999}},
        lambda ema: {"ema_state_dict": {f"module.{name}": tensor for name, tensor in ema.items()}},
    ],
)
def test_the_moving_average_is_taken_when_it_is_wanted_and_spoken_of_when_not(
    named: tuple[str, State], network: nn.Module, tmp_path: Path, average: Callable[[State], dict[str, Any]]
) -> None:
    naming, state = named
    path = tmp_path / "weights.pth"
    torch.save({"model": state, **average(scaled(state, 2))}, path)
    assert "--ema takes it" in assert_read(path, network, naming)
    assert "a moving average (EMA)" in assert_read(path, network, naming, ema=True, factor=2)


def test_a_moving_average_in_the_same_mapping_is_told_apart(
    named: tuple[str, State], network: nn.Module, tmp_path: Path
) -> None:
    naming, state = named
    both = {f"model.{name}": tensor for name, tensor in state.items()}
    both |= {f"ema_model.module.{name}": tensor for name, tensor in scaled(state, 2).items()}
    torch.save({"state_dict": {**both, "criterion.weight": torch.ones(10)}}, tmp_path / "lightning.ckpt")
    taken = assert_read(tmp_path / "lightning.ckpt", network, naming)
    assert "without the prefix model." in taken
    assert "left out" in taken
    assert_read(tmp_path / "lightning.ckpt", network, naming, ema=True, factor=2)


def test_a_file_of_a_moving_average_alone_is_read_and_called_one(network: nn.Module, tmp_path: Path) -> None:
    torch.save({"state_dict_ema": network.state_dict()}, tmp_path / "ema.pth")
    assert "a moving average (EMA)" in assert_read(tmp_path / "ema.pth", network, "our")


def test_a_moving_average_that_is_not_there_is_refused(network: nn.Module, tmp_path: Path) -> None:
    torch.save({"model": network.state_dict()}, tmp_path / "weights.pth")
    with pytest.raises(DataError, match=r"no moving average \(EMA\): model"):
        read_state(tmp_path / "weights.pth", network, ema=True)


def test_several_sets_that_fit_are_named_unless_they_are_equal(network: nn.Module, tmp_path: Path) -> None:
    own, path = network.state_dict(), tmp_path / "weights.pth"
    torch.save({"teacher": own, "student": {f"module.{n}": t.clone() for n, t in own.items()}}, path)
    assert_read(path, network, "our")
    torch.save({"teacher": own, "student": {f"module.{n}": t for n, t in scaled(own, 2).items()}}, path)
    with pytest.raises(DataError, match=r"2 sets .* fit the network: teacher and student, without the prefix module\."):
        read_state(path, network)


def test_tensors_too_few_too_many_or_of_another_shape_are_named_behind_a_prefix_too(
    network: nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    for change, message in (
        ({"module.fc.bias": None}, r"1 tensor missing: fc\.bias"),
        ({"module.head.weight": torch.ones(1)}, r"1 tensor left over: head\.weight"),
        ({"module.fc.bias": torch.ones(3)}, r"shape or type: fc\.bias \[3\] float32, not \[10\] float32"),
        ({"module.fc.bias": torch.ones(10, dtype=torch.int64)}, r"shape or type: fc\.bias \[10\] int64, not \[10\]"),
    ):
        state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()} | change
        torch.save({"model": {name: tensor for name, tensor in state.items() if tensor is not None}}, path)
        with pytest.raises(DataError, match=message):
            read_state(path, network)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_every_precision_is_read(network: nn.Module, tmp_path: Path, dtype: torch.dtype, suffix: str) -> None:
    state = {n: t.to(dtype) if t.is_floating_point() else t for n, t in network.state_dict().items()}
    path = tmp_path / f"weights.{suffix}"
    if suffix == "pth":
        torch.save(state, path)
    else:
        path.write_bytes(safetensors(state))
    found = read_state(path, network).state
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


def safetensors(state: State) -> bytes:
    """The bytes of a file of the safetensors library."""
    kinds = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64"}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, tensor in state.items():
        raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        kind = kinds.get(tensor.dtype, "I64")
        header[name] = {"dtype": kind, "shape": [*tensor.shape], "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def test_safetensors_are_read_as_their_library_writes_them(network: nn.Module, tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    library.save_file(network.state_dict(), tmp_path / "weights.safetensors", metadata={"format": "pt"})
    assert_read(tmp_path / "weights.safetensors", network, "our")


class Color(enum.Enum):
    RED = 1


class Settings(dict[str, object]):
    """As EasyDict and CfgNode are."""


class Loss(nn.Module):
    """Of a training script."""


PLAIN: dict[str, object] = {
    "namespace": argparse.Namespace(lr=0.1, output=pathlib.PurePosixPath("out")),
    "simple": types.SimpleNamespace(a=1),
    "numpy scalar": np.float64(3),
    "numpy array": np.arange(3),
    "numpy dtype": np.dtype("float32"),
    "path": pathlib.PosixPath("a/b"),
    "windows path": pathlib.PureWindowsPath("a"),
    "time": datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC),
    "day": datetime.date(2024, 1, 2),
    "duration": datetime.timedelta(1),
    "enum": Color.RED,
    "counter": collections.Counter("aab"),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "deque": collections.deque([1, 2], maxlen=4),
    "settings": Settings(a=1, b=Settings(c=2)),
    "set": {1, 2},
    "frozenset": frozenset({1}),
    "range": range(3),
    "complex": 1j,
    "slice": slice(1, 2),
    "bytes": b"abc",
    "uuid": uuid.UUID(int=1),
    "decimal": decimal.Decimal("0.1"),
    "criterion": Loss(),
    "optimizer": torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=0.1),
    "torch version": torch.torch_version.TorchVersion("2.0"),
    "random state": np.random.default_rng(0).bit_generator.state,
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kind", PLAIN)
def test_values_beside_the_tensors_are_passed_over(network: nn.Module, tmp_path: Path, kind: str, legacy: bool) -> None:
    path = tmp_path / "weights.pth"
    if legacy and kind == "criterion":
        pytest.skip("the old form stores the code of a pickled module, which torch's reader refuses")
    torch.save({"extra": PLAIN[kind], "model": network.state_dict()}, path, _use_new_zipfile_serialization=not legacy)
    assert_read(path, network, "our")


def test_a_config_of_omegaconf_is_passed_over(network: nn.Module, tmp_path: Path) -> None:
    from omegaconf import OmegaConf

    config = OmegaConf.create({"a": [1, {"b": "${a}"}], "c": None})
    torch.save({"state_dict": network.state_dict(), "hyper_parameters": config, "config": config}, tmp_path / "w.ckpt")
    assert_read(tmp_path / "w.ckpt", network, "our")


class Evil:
    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call, self.arguments


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("call", [os.system, builtins.eval, builtins.exec, subprocess.getoutput, pickle.loads])
def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(
    network: nn.Module, tmp_path: Path, call: Callable[..., object], legacy: bool
) -> None:
    mark = tmp_path / "mark"
    words = f"open({str(mark)!r}, 'w')" if call in (builtins.eval, builtins.exec) else f"touch {mark}"
    evil = Evil(call, pickle.dumps(Evil(os.system, f"touch {mark}")) if call is pickle.loads else words)
    path = tmp_path / "evil.pth"
    torch.save({"model": network.state_dict(), "x": evil}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(DataError, match="no plain value; nothing of it was run") as caught:
        read_state(path, network)
    assert "weights_only" not in str(caught.value)
    assert not mark.exists()


def test_a_class_of_a_script_is_never_imported(network: nn.Module, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    torch.save({"model": network.state_dict(), "x": Evil(touch, str(mark))}, tmp_path / "evil.pth")
    assert_read(tmp_path / "evil.pth", network, "our")
    assert not mark.exists()


def touch(path: str) -> None:
    Path(path).touch()


def _whole(path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(2, 2)), path)


def _whole_inside(path: Path) -> None:
    torch.save({"model": nn.Sequential(nn.Linear(2, 2)), "epoch": 3}, path)


def _script(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("net/data.pkl", "net/constants.pkl", "net/code/__torch__.py"):
            archive.writestr(name, b"\x80\x02}.")


def _arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(2))


def _plain_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": np.ones(2)}))


def _protocol_4(path: Path) -> None:
    torch.save({"a": torch.ones(2)}, path, pickle_protocol=4)


def _cut(path: Path) -> None:
    torch.save({"a": torch.ones(2)}, path)
    path.write_bytes(path.read_bytes()[:-40])


def _flipped(path: Path) -> None:
    torch.save({"a": torch.full((2,), 1.5)}, path)
    raw = path.read_bytes()
    place = raw.index(np.float32([1.5, 1.5]).tobytes())
    path.write_bytes(raw[:place] + b"\1" + raw[place + 1 :])


def _index(path: Path) -> None:
    files = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    path.write_text(json.dumps({"metadata": {"total_size": 9}, "weight_map": files}))


def _raw(raw: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(raw)

    return write


def _safetensors_cut(path: Path) -> None:
    path.write_bytes(safetensors({"a": torch.ones(9)})[:-1])


def _quantized(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch takes leave of them
        torch.save({"a": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, path)


def _sparse(path: Path) -> None:
    torch.save({"a": torch.ones(2, 2).to_sparse()}, path)


def _meta(path: Path) -> None:
    torch.save({"a": torch.empty(2, device="meta")}, path)


def _complex(path: Path) -> None:
    torch.save({"a": torch.ones(2, dtype=torch.complex64)}, path)


@pytest.mark.parametrize(
    ("write", "name", "message"),
    [
        (_whole, "w.pth", "of class torch.nn.modules.container.Sequential.*save the tensors alone"),
        (_whole_inside, "w.pth", r"it has model \(torch.nn.modules.container.Sequential\)"),
        (_script, "w.pt", "TorchScript program"),
        (_arrays, "w.pth", r"numpy arrays \(\.npz\)"),
        (_plain_pickle, "w.pkl", "a pickle that torch.save did not write"),
        (_protocol_4, "w.pth", "protocol 4"),
        (_cut, "w.pth", "cut short"),
        (_flipped, "w.pth", "the record w/data/0 is damaged"),
        (_index, "model.safetensors.index.json", "the index of 2 files .*merge them"),
        (_safetensors_cut, "w.safetensors", "safetensors file is damaged or cut short"),
        (_quantized, "w.pth", "tensor a is quantized"),
        (_sparse, "w.pth", "tensor a is sparse"),
        (_meta, "w.pth", "tensor a is on the meta device"),
        (_complex, "w.pth", "tensor a is complex"),
        (_raw(b""), "w.pth", "the file is empty"),
        (_raw(b"hello"), "w.pth", "it is text"),
        (_raw(b"<!DOCTYPE html><html>"), "w.safetensors", "an HTML page"),
        (_raw(b"\n<html>"), "w.pth", "an HTML page"),
        (_raw(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "w.pth", "git-lfs pointer.*git lfs pull"),
        (_raw(b"a.txt" + b"\0" * 252 + b"ustar\x0000"), "w.tar", "a tar archive"),
        (_raw(b'{"error": "not authorized"}'), "w.pth", "it is JSON"),
        (_raw(b"\x1f\x8b\x08\0\0"), "w.pth.gz", "packed by gzip"),
        (_raw(b"\x89HDF\r\n\x1a\n"), "w.h5", "HDF5"),
        (_raw(b"\0\1\2\3" * 99), "w.pth", "damaged, or of another kind"),
        (_raw(b"PK\3\4" + b"\0" * 99), "w.pth", "cut short"),
    ],
)
def test_what_is_no_file_of_tensors_says_in_a_line_what_it_is(
    tmp_path: Path, write: Callable[[Path], None], name: str, message: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(DataError, match=message) as caught:
        read_weights(tmp_path / name)
    text = str(caught.value)
    assert "\n" not in text
    assert "\033" not in text
    assert "weights_only" not in text
    assert caught.value.where == str(tmp_path / name)


def test_a_folder_and_a_file_that_is_not_there_are_named(tmp_path: Path) -> None:
    for path, message in ((tmp_path, "Is a directory"), (tmp_path / "gone.pth", "No such file")):
        with pytest.raises(DataError, match=message):
            read_weights(path)


def test_archives_without_checksums_are_read(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(network.state_dict(), tmp_path / "weights.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert_read(tmp_path / "weights.pth", network, "our")


def test_a_storage_that_claims_more_than_its_record_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(3)}, tmp_path / "weights.pth")
    with zipfile.ZipFile(tmp_path / "weights.pth") as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    pickled = records["weights/data.pkl"]
    records["weights/data.pkl"] = pickled.replace(b"K\x03tq", b"K\xfftq").replace(b"K\x03\x85", b"K\xff\x85")
    with zipfile.ZipFile(tmp_path / "longer.pth", "w") as archive:
        for name, raw in records.items():
            archive.writestr(name, raw)
    with pytest.raises(DataError, match="the record weights/data/0 is missing or cut short"):
        read_weights(tmp_path / "longer.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(network: nn.Module, tmp_path: Path, value: float) -> None:
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state["fc.bias"][3] = value
    torch.save({"model": {f"module.{name}": tensor for name, tensor in state.items()}}, tmp_path / "weights.pth")
    with pytest.raises(DataError, match=r"1 tensor with NaN or Inf: fc\.bias .*diverged"):
        read_state(tmp_path / "weights.pth", network)


def test_views_and_parameters_are_read_as_their_values(tmp_path: Path) -> None:
    network = nn.Linear(4, 3)
    weight = torch.randn(4, 6)[:, ::2].t()
    torch.save({"weight": nn.Parameter(weight), "bias": torch.randn(9)[::3]}, tmp_path / "weights.pth")
    found = read_state(tmp_path / "weights.pth", network).state
    assert torch.equal(found["weight"], weight)
    assert all(tensor.is_contiguous() and type(tensor) is Tensor for tensor in found.values())


@pytest.mark.parametrize("kind", ["zip", "repacked", "legacy", "safetensors"])
def test_mutated_files_are_read_rightly_or_end_in_a_line(tmp_path: Path, kind: str) -> None:
    sample, network, rng = sample_files(tmp_path)[kind], small_network(), random.Random(kind)
    for _ in range(40):
        read_or_refused(mutate(sample, kind, rng), kind, network, tmp_path / "mutated")
