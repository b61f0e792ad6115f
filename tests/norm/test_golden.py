"""The layer against reference vectors; tests/golden/layer_golden.md describes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from an_cli.norm import AttentiveNorm2d

_FILE = np.load(Path(__file__).parents[1] / "golden" / "layer_golden.npz")
_CASES = sorted({name.split("/")[0] for name in _FILE.files})
# Modes 1 and 3 are heads of two layers: not in the paper, so this project cannot build them.
_MODES = {
    0: ("a1", "sigmoid"),
    2: ("a2", "hsigmoid"),
    4: ("a1", "hsigmoid"),
    5: ("a2", "sigmoid"),
    6: ("a2", "softmax"),
}
_PARAMETERS = {
    "affine_gamma_KxC": "mixture.gamma",
    "affine_beta_KxC": "mixture.beta",
    "attn_conv0_weight": "attention.head.fc.weight",
    "attn_conv0_bias": "attention.head.fc.bias",
    "attn_norm0_weight": "attention.head.bn.weight",
    "attn_norm0_bias": "attention.head.bn.bias",
}
_BUFFERS = {
    "running_mean": "standardizer.running_mean",
    "running_var": "standardizer.running_var",
    "num_batches_tracked": "standardizer.num_batches_tracked",
    "attn_norm0_running_mean": "attention.head.bn.running_mean",
    "attn_norm0_running_var": "attention.head.bn.running_var",
    "attn_norm0_num_batches_tracked": "attention.head.bn.num_batches_tracked",
}


def _get(case: str, name: str) -> Tensor:
    return torch.from_numpy(_FILE[f"{case}/{name}"])


def _names(case: str, group: str) -> Iterator[str]:
    return (n.removeprefix(f"{case}/{group}/") for n in _FILE.files if n.startswith(f"{case}/{group}/"))


def _layer(case: str) -> AttentiveNorm2d:
    mode = re.search(r"mode(\d)", case)
    head, gate = ("a1", "hsigmoid") if mode is None else _MODES[int(mode[1])]
    groups = int(_get(case, "num_groups")) if f"{case}/num_groups" in _FILE.files else None
    k, c = _get(case, "param/affine_gamma_KxC").shape
    layer = AttentiveNorm2d(
        c, k, standardize="bn" if groups is None else "gn", head=head, gate=gate, groups=groups
    ).double()
    state = {_PARAMETERS[n]: _get(case, f"param/{n}") for n in _names(case, "param")}
    state["attention.head.fc.weight"] = state["attention.head.fc.weight"].flatten(1)
    state |= {_BUFFERS[n]: _get(case, f"buffers_before/{n}") for n in _names(case, "buffers_before")}
    layer.load_state_dict(state)  # strict: the vectors name every parameter and buffer of the layer
    return layer


def _close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def _check_pass(case: str, layer: AttentiveNorm2d, mode: str) -> None:
    """One forward and backward pass: output, lambda, attention input and every gradient."""
    seen: dict[str, Tensor] = {}
    layer.attention.register_forward_hook(lambda _, s, out: seen.update(attention_input_NxC=s[0], lambda_NxK=out))
    x = _get(case, "x").requires_grad_()
    out = layer(x)
    out.backward(_get(case, "upstream_grad"))
    assert x.grad is not None
    seen |= {"out": out, "grad_x": x.grad}
    parameters = dict(layer.named_parameters())
    expected = set(_names(case, mode))
    assert {"out", "lambda_NxK", "grad_x"} <= expected
    for name in expected:
        if name in seen:
            _close(seen[name], _get(case, f"{mode}/{name}"))
        else:
            grad = parameters[_PARAMETERS[name.removeprefix("grad_")]].grad
            assert grad is not None
            _close(grad, _get(case, f"{mode}/{name}").view_as(grad))
    assert len([n for n in expected if n.startswith("grad_")]) == len(parameters) + 1


def test_the_vectors_cover_every_head_gate_pair_of_table_1_and_both_standardizations() -> None:
    modes = {case.split("_n")[0] for case in _CASES}
    assert {f"bn_mode{m}" for m in (0, 2, 4, 5, 6)} | {"gn_mode0", "gn_mode4", "detgn_A1"} <= modes


@pytest.mark.parametrize("case", _CASES)
def test_evaluation_matches_the_vectors(case: str) -> None:
    _check_pass(case, _layer(case).eval(), "eval")


@pytest.mark.parametrize("case", _CASES)
def test_one_training_step_matches_the_vectors(case: str) -> None:
    layer = _layer(case).train()
    _check_pass(case, layer, "train")
    buffers = dict(layer.named_buffers())
    after = {
        _BUFFERS[n]: _get(case, f"buffers_after_one_train_step/{n}")
        for n in _names(case, "buffers_after_one_train_step")
    }
    assert after.keys() == buffers.keys()
    for name, value in after.items():
        _close(buffers[name], value)
    _close(layer.eval()(_get(case, "x")), _get(case, "eval_after_train/out"))


@pytest.mark.parametrize("case", _CASES)
def test_attention_weights_are_the_lambda_of_the_vectors(case: str) -> None:
    layer = _layer(case).eval()
    _close(layer.attention_weights(_get(case, "x")), _get(case, "eval/lambda_NxK"))
