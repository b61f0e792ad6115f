"""Published checkpoints: names, logits of whole networks filled by rule, and files that do not fit."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from an_cli.config import Composer
from an_cli.errors import ConfigError, DataError
from an_cli.models import load, make_model, published_names, read_weights, to_ours

_GOLDEN: dict[str, dict[str, Any]] = json.loads((Path(__file__).parents[1] / "golden" / "published.json").read_text())[
    "networks"
]


def _empty(composer: Composer, *words: str) -> nn.Module:
    cell = composer.compose(list(words)).cell
    with torch.device("meta"):
        return make_model(cell.model, cell.norm, cell.recipe, classes=1000, channels=3)


def _shapes(model: nn.Module) -> dict[str, list[int]]:
    """Published names and shapes; their attention is a 1x1 convolution."""
    names = published_names(model)
    return {
        theirs: [*tensor.shape, 1, 1] if theirs.endswith(".attention.0.weight") else [*tensor.shape]
        for (ours, theirs), tensor in zip(names.items(), model.state_dict().values(), strict=True)
    }


def _fill(name: str, shape: list[int]) -> Tensor:
    """The rule of tests/golden/published.json."""
    u = torch.sin(0.7 * torch.arange(math.prod(shape), dtype=torch.float64) + zlib.crc32(name.encode()) % 10007)
    u = u.reshape(shape)
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if name.endswith(("running_var", "running_mean")):
        return 1 + 0.2 * u if name.endswith("var") else 0.1 * u
    if len(shape) == 4:
        return u * math.sqrt(2 / math.prod(shape[1:]))
    if len(shape) == 2 and name.endswith("weight_"):
        return (1 + 0.1 * u) * 2 / shape[0]
    if len(shape) == 2:
        return 0.1 * u if name.endswith("bias_") else u * math.sqrt(1 / shape[1])
    return 1 + 0.1 * u if name.endswith("weight") else 0.05 * u


@pytest.mark.parametrize("name", _GOLDEN)
def test_our_tensors_have_the_published_names_and_shapes(name: str, composer: Composer) -> None:
    expected = _GOLDEN[name]
    model = _empty(composer, f"model={expected['model']}", f"recipe={expected['recipe']}")
    shapes = _shapes(model)
    assert len(shapes) == len(model.state_dict()) == expected["tensors"]
    assert hashlib.sha256(json.dumps(sorted(shapes.items())).encode()).hexdigest() == expected["names_sha256"]


@pytest.mark.parametrize("name", [name for name in _GOLDEN if "logits_norm" in _GOLDEN[name]])
def test_whole_networks_give_the_published_ones_logits(name: str, composer: Composer, tmp_path: Path) -> None:
    expected = _GOLDEN[name]
    words = {key: expected[key] for key in ("model", "norm", "recipe")}
    shapes = _shapes(_empty(composer, *(f"{key}={word}" for key, word in words.items())))
    state = {f"module.module.{theirs}": _fill(theirs, shape) for theirs, shape in shapes.items()}
    torch.save({"state_dict": state, "epoch": 120}, tmp_path / "weights.pt")
    model = load(**words, weights=tmp_path / "weights.pt")
    i = torch.arange(3 * 224 * 224, dtype=torch.float64)
    with torch.no_grad():
        logits = model((torch.cos(0.013 * i) + 0.3 * torch.sin(0.00017 * i)).view(1, 3, 224, 224))[0]
    first16 = torch.tensor(expected["logits_first16"], dtype=torch.float64)
    torch.testing.assert_close(logits[:16], first16, rtol=1e-8, atol=0)
    assert logits.norm().item() == pytest.approx(expected["logits_norm"], rel=1e-8)


def _published(model: nn.Module) -> dict[str, Tensor]:
    return {name: torch.zeros(shape) for name, shape in _shapes(model).items()}


def test_in_a_bn_network_the_norms_tensors_stand_in_the_attentive_layers_place(composer: Composer) -> None:
    attentive, plain = (set(_shapes(_empty(composer, f"norm={norm}"))) for norm in ("an_bn", "bn"))
    added, lost = plain - attentive, attentive - plain
    assert {name.rpartition(".")[2] for name in added} == {"weight", "bias"}
    assert "layer3.4.bn2.weight" in added
    assert "layer3.4.bn2.running_var" in plain & attentive
    assert all(".bn2.attention_weights." in name or name.endswith(("bn2.weight_", "bn2.bias_")) for name in lost)


@pytest.mark.parametrize("prefix", ["", "module.", "module.module."])
def test_the_prefixes_of_wrappers_are_taken_off(prefix: str, composer: Composer) -> None:
    model = _empty(composer, "model=mobilenet_v2")
    ours = to_ours({f"{prefix}{name}": tensor for name, tensor in _published(model).items()}, model)
    assert list(ours) == list(model.state_dict())
    model.load_state_dict(ours, assign=True)


def test_counters_of_batches_may_be_absent(composer: Composer) -> None:
    model = _empty(composer, "norm=bn")
    published = {n: t for n, t in _published(model).items() if not n.endswith("num_batches_tracked")}
    assert to_ours(published, model).keys() == model.state_dict().keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv1.weight": None}, r"1 tensor missing: conv1\.weight \(here\.pt\)"),
        ({"layer9.weight": torch.zeros(2)}, r"1 tensor left over: layer9\.weight"),
        (
            {"conv1.weight": torch.zeros(64, 3, 3, 3)},
            r"shape or type: conv1\.weight \[64, 3, 3, 3\] float32, not \[64, 3, 7",
        ),
        ({"fc.bias": torch.zeros(1000, dtype=torch.long)}, r"or type: fc\.bias \[1000\] int64, not \[1000\] float32"),
    ],
)
def test_a_tensor_missing_left_over_or_of_another_shape_is_named(
    change: dict[str, Tensor | None], message: str, composer: Composer
) -> None:
    model = _empty(composer, "norm=bn")
    published = {n: t for n, t in {**_published(model), **change}.items() if t is not None}
    with pytest.raises(DataError, match=message):
        to_ours(published, model, where="here.pt")


def test_an_attentive_file_does_not_fit_a_bn_network(composer: Composer) -> None:
    attentive, plain = (_empty(composer, f"norm={norm}") for norm in ("an_bn", "bn"))
    with pytest.raises(DataError, match=r"32 tensors missing: layer1\.0\.bn2\.bias.*and 29 more"):
        to_ours(_published(attentive), plain)


def test_a_network_of_another_kind_has_no_published_names() -> None:
    with pytest.raises(ConfigError, match="no checkpoint of a Linear was published"):
        published_names(nn.Linear(2, 2))


def test_half_precision_weights_become_float32_and_keep_their_values(composer: Composer, tmp_path: Path) -> None:
    published = {n: t.half() if t.is_floating_point() else t for n, t in _published(_empty(composer)).items()}
    published["fc.bias"] += 0.5
    torch.save(published, tmp_path / "half.pt")
    model = load(model="resnet50", norm="an_bn", recipe="vanilla", weights=tmp_path / "half.pt")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(p.requires_grad for p in model.parameters())
    assert not model.training
    assert bool((model.get_parameter("fc.bias") == 0.5).all())


class _Code:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("run",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_Code(), "cannot be read as weights"),
        ([1, 2], "holds no tensors by name"),
        ({"state_dict": {"a": 1}}, "holds no tensors by name"),
        (None, "cannot be read as weights"),
    ],
)
def test_a_file_that_holds_no_tensors_is_refused_and_no_code_in_it_is_run(
    content: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    if content is None:
        path.write_bytes(b"")
    with pytest.raises(DataError, match=message):
        read_weights(path)
    assert capsys.readouterr().out == ""


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read as weights.*none\.pt"):
        read_weights(tmp_path / "none.pt")
