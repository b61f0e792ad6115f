"""Steps, replicas, divergence, devices, weight decay."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from an_cli.config import CellConfig, Composer
from an_cli.config.schema import Device, Precision
from an_cli.data import normalize
from an_cli.errors import LaunchError, TrainingDiverged
from an_cli.files import read_json_lines
from an_cli.train import initial_model, make_task
from an_cli.train.device import pick_device, set_up, weight_dtype
from an_cli.train.optimizer import make_optimizer
from an_cli.train.step import Step
from tests.tiny import TINY

CPU = torch.device("cpu")


@pytest.fixture
def cell(composer: Composer) -> CellConfig:
    return composer.compose(
        [*TINY, "recipe.replicas=2", "recipe.momentum=0.0", "recipe.weight_decay=0.0", "recipe.precision=fp64"]
    ).cell


def batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [
        (
            torch.randint(0, 256, (6, 1, 16, 16), generator=generator, dtype=torch.uint8),
            torch.randint(0, 10, (6,), generator=generator),
        )
        for _ in range(count)
    ]


def test_replicas_in_turn_average_gradients_and_keep_the_first_replicas_statistics(cell: CellConfig) -> None:
    data, lr = batches(2), 0.1
    model, plain = initial_model(make_task(cell)).double(), initial_model(make_task(cell)).double()
    step = Step(model, make_optimizer(model, cell.recipe), make_task(cell), CPU)
    loss = step([iter([batch]) for batch in data], epoch=0, step=0, lr=lr)

    inputs = [normalize(images, cell.data.mean, cell.data.std).double() for images, _ in data]
    losses, gradients, kept = [], [], {}
    for replica, (x, (_, labels)) in enumerate(zip(inputs, data, strict=True)):
        plain.zero_grad()
        value = nn.functional.cross_entropy(plain(x), labels)
        value.backward()
        losses.append(value.item())
        gradients.append([parameter.grad.clone() for parameter in plain.parameters()])
        if replica == 0:
            kept = {name: buffer.clone() for name, buffer in plain.named_buffers()}
    assert float(loss) == pytest.approx(sum(losses) / 2, abs=1e-12)
    for ours, start, first, second in zip(model.parameters(), plain.parameters(), *gradients, strict=True):
        torch.testing.assert_close(ours, start - lr * (first + second) / 2, rtol=1e-10, atol=1e-12)
    for name, buffer in model.named_buffers():
        torch.testing.assert_close(buffer, kept[name])


def test_a_loss_that_is_not_finite_stops_the_run_and_says_when_and_at_which_rate(
    make_run: Callable, train: Callable
) -> None:
    run = make_run(overrides=["recipe.lr=1e30", "recipe.warmup_epochs=0"])
    with pytest.raises(TrainingDiverged, match=r"loss is (nan|inf) at epoch 1, step \d+, lr .*last finite loss \d"):
        train(run)
    assert not run.result.exists()
    assert all(math.isfinite(line["loss"]) for line in read_json_lines(run.metrics)[0])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this test is about machines without a GPU")
def test_what_the_device_lacks_is_a_launch_error() -> None:
    with pytest.raises(LaunchError, match="no GPU is visible"):
        pick_device(Device.CUDA, Precision.FP32)
    with pytest.raises(LaunchError, match="fp16 needs a GPU"):
        pick_device(Device.AUTO, Precision.FP16)


def test_why_torch_sees_no_gpu_is_said_in_the_error_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def old_driver() -> bool:
        warnings.warn("The NVIDIA driver on your system is too old\n(found version 9000)", stacklevel=2)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", old_driver)
    with pytest.raises(LaunchError, match=r"no GPU is visible: The NVIDIA driver .* too old \(found version 9000\) "):
        pick_device(Device.CUDA, Precision.FP32)
    assert pick_device(Device.AUTO, Precision.FP32).type == "cpu"


def decayed(model: nn.Module, cell: CellConfig) -> Iterator[str]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in make_optimizer(model, cell.recipe).param_groups:
        if group.get("weight_decay", cell.recipe.weight_decay) > 0:
            yield from (names[id(parameter)] for parameter in group["params"])


def test_weight_decay_holds_for_all_parameters_unless_norms_are_spared(composer: Composer) -> None:
    everything = composer.compose([*TINY]).cell
    spared = composer.compose([*TINY, "recipe.weight_decay_on_norm=false"]).cell
    model = initial_model(make_task(everything))
    assert set(decayed(model, everything)) == {name for name, _ in model.named_parameters()}
    kept = set(decayed(model, spared))
    kinds = {name: type(model.get_submodule(name.rpartition(".")[0])).__name__ for name, _ in model.named_parameters()}
    assert kept == {name for name, kind in kinds.items() if kind in ("Conv2d", "Linear")}
    assert any("attention" in name for name in kept)
    assert not any("mixture" in name for name in kept)


def test_the_same_seed_gives_the_same_initial_weights_and_another_seed_others(composer: Composer) -> None:
    first, again = (initial_model(make_task(composer.compose([*TINY, "seed=1"]).cell)) for _ in range(2))
    other = initial_model(make_task(composer.compose([*TINY, "seed=2"]).cell))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.fc.weight, other.fc.weight)


def test_a_loss_scale_changes_no_update(composer: Composer) -> None:
    plain = composer.compose([*TINY, "recipe.precision=fp64"]).cell
    scaled = dataclasses.replace(plain, recipe=dataclasses.replace(plain.recipe, loss_scale=128.0))
    updated = []
    for cell in (plain, scaled):
        model = initial_model(make_task(plain)).double()
        step = Step(model, make_optimizer(model, cell.recipe), make_task(cell), CPU)
        step([iter(batches(1))], epoch=0, step=0, lr=0.1)
        updated.append(model.fc.weight)
    torch.testing.assert_close(updated[1], updated[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp64", torch.float64)]
)
def test_the_precision_is_what_the_network_computes_in(composer: Composer, precision: str, dtype: torch.dtype) -> None:
    cell = composer.compose([*TINY, f"recipe.precision={precision}"]).cell
    model = initial_model(make_task(cell)).to(weight_dtype(cell.recipe.precision))
    seen: list[torch.dtype] = []
    model.fc.register_forward_hook(lambda module, inputs, out: seen.append(out.dtype))
    Step(model, make_optimizer(model, cell.recipe), make_task(cell), CPU)([iter(batches(1))], epoch=0, step=0, lr=0.1)
    assert seen == [dtype]


def test_fp32_never_becomes_tensor_float_32(composer: Composer) -> None:
    set_up(composer.compose([*TINY]).cell.recipe)
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    torch.use_deterministic_algorithms(False)
