"""Which convolution feeds a norm, and which one the norm feeds, read off the network's own forward pass.

A copy of the network without its weights (on the meta device) is called once; autograd's graph of that call says what
flows where. Names and the order of registration do not: branches may be parallel, and a squeeze-and-excitation holds
1x1 convolutions that look like a bottleneck's.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge
from torch.utils._pytree import tree_leaves

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_SIDES = (224, 299, 256, 64, 32)  # tried in this order, where a network does not say what it takes
# Operations that leave a channel a channel: activations, gates, dropout, padding, small poolings, parts of a tensor.
_KEEP = (
    "Relu", "LeakyRelu", "Prelu", "PRelu", "Rrelu", "Elu", "Celu", "Silu", "Gelu", "Mish", "Softplus", "LogSigmoid",
    "Hardtanh", "Hardswish", "Hardsigmoid", "Sigmoid", "Tanh", "Threshold", "Clamp", "Mul", "Div", "NativeDropout",
    "Clone", "Alias", "ToCopy", "ConstantPadNd", "ReflectionPad2D", "AvgPool2D", "Split", "Slice", "Narrow",
)  # fmt: skip
_JOIN = ("Cat", "Clone", "Alias", "ToCopy")  # between parallel convolutions and their common norm


@dataclass
class Flow:
    """What one call of a network has shown.

    Attributes:
        before: norm -> convolutions whose outputs it is given, and nothing else is.
        after: norm -> convolutions that are given its output and nothing that it does not decide, through no sum;
            those that only compute a gate for that output are left out.
        gates: convolutions that only compute a factor of a norm's output, as attention's and excitation's do.
        dims: norm -> dimensions of its input.
        reached: norms that the call came to.
    """

    before: dict[nn.Module, list[nn.Module]] = field(default_factory=dict)
    after: dict[nn.Module, list[nn.Module]] = field(default_factory=dict)
    gates: set[nn.Module] = field(default_factory=set)
    dims: dict[nn.Module, int] = field(default_factory=dict)
    reached: set[nn.Module] = field(default_factory=set)


def trace(model: nn.Module, norms: tuple[type[nn.Module], ...], example: object = None) -> Flow:
    """Call a network without weights and see what flows where.

    Args:
        model: any; it is neither run nor changed.
        norms: classes of norms.
        example: what to call it with, a tensor or a tuple; without one images of usual sizes are tried, and where the
            network takes no image, its parts are called.

    Returns:
        What was seen, which is nothing of norms that no call came to.
    """
    flow = Flow()
    with suppress(Exception):  # whatever a network raises that cannot be copied, as with weight_norm's old form
        double, originals = _without_weights(model)
        _visit(double, norms, flow, originals, example)
    return flow


def _visit(
    part: nn.Module,
    norms: tuple[type[nn.Module], ...],
    flow: Flow,
    originals: dict[nn.Module, nn.Module],
    example: object,
) -> None:
    """Call a network; those of its parts whose norms the call did not come to are called by themselves."""
    own = {originals[module] for module in part.modules() if isinstance(module, norms)}
    for inputs in _inputs(part, example):
        if own & flow.reached:
            break
        with suppress(Exception):  # whatever a network raises that takes something else, or looks at values
            _call(part, inputs, norms, flow, originals)
    for child in part.children() if example is None and not own <= flow.reached else ():
        if not {originals[module] for module in child.modules() if isinstance(module, norms)} <= flow.reached:
            _visit(child, norms, flow, originals, None)


def _without_weights(model: nn.Module) -> tuple[nn.Module, dict[nn.Module, nn.Module]]:
    """A copy on the meta device, and copy -> original of every module."""
    memo: dict[int, Any] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        empty = torch.empty_like(tensor, device="meta", memory_format=torch.contiguous_format)
        is_weight = isinstance(tensor, nn.Parameter) and tensor.is_floating_point()
        memo[id(tensor)] = nn.Parameter(empty) if is_weight else empty
    double = copy.deepcopy(model, memo)
    for module in double.modules():
        for name in _HOOKS:
            getattr(module, name).clear()
    return double.eval(), dict(zip(double.modules(), model.modules(), strict=True))


def _inputs(part: nn.Module, example: object) -> Iterator[tuple[Any, ...]]:
    if example is not None:
        given = example if isinstance(example, tuple) else (example,)
        yield tuple(
            value.detach().to("meta").requires_grad_(value.is_floating_point()) if isinstance(value, Tensor) else value
            for value in given
        )
        return
    kinds = (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm)
    first = next((module for module in part.modules() if isinstance(module, kinds)), None)
    if first is None:
        return
    channels = {nn.Conv2d: "in_channels", nn.GroupNorm: "num_channels"}
    taken = next((getattr(first, name) for kind, name in channels.items() if isinstance(first, kind)), None)
    count = taken if taken is not None else getattr(first, "num_features", 3)
    dtype = next((tensor.dtype for tensor in first.parameters()), torch.float32)
    sizes = [(side, side) for side in _SIDES]
    config = getattr(part, "pretrained_cfg", None) or getattr(part, "default_cfg", None)
    said = config.get("input_size") if isinstance(config, dict) else None
    for size in [tuple(said[-2:]), *sizes] if said else sizes:
        yield (torch.empty(2, count, *size, dtype=dtype, device="meta", requires_grad=dtype.is_floating_point),)


def _call(
    part: nn.Module,
    inputs: tuple[Any, ...],
    norms: tuple[type[nn.Module], ...],
    flow: Flow,
    originals: dict[nn.Module, nn.Module],
) -> None:
    made: dict[Any, nn.Module] = {}  # node of autograd's graph -> the module whose output it made
    given: list[tuple[nn.Module, Any, int]] = []  # module, node of its input, dimensions
    known = set(flow.reached)
    watched = [module for module in part.modules() if isinstance(module, (nn.Conv2d, *norms))]

    def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            given.append((module, inputs[0].grad_fn, inputs[0].dim()))

    def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor) and output.grad_fn is not None:
            made[output.grad_fn] = module

    handles = [module.register_forward_pre_hook(before) for module in watched]
    handles += [module.register_forward_hook(after) for module in watched]
    output: Any = None
    try:
        with torch.enable_grad():
            output = part(*inputs)
    finally:
        for handle in handles:
            handle.remove()
        images = {get_gradient_edge(one).node for one in inputs if isinstance(one, Tensor) and one.requires_grad}
        gates = _gates(made, [*_nodes(output), *(node for _, node, _ in given)], norms)
        flow.gates |= {originals[one] for several in gates.values() for one in several if isinstance(one, nn.Conv2d)}
        fresh = [one for one in given if originals[one[0]] not in known]
        _read(made, fresh, norms, flow, originals, images, gates)


def _read(
    made: dict[Any, nn.Module],
    given: list[tuple[nn.Module, Any, int]],
    norms: tuple[type[nn.Module], ...],
    flow: Flow,
    originals: dict[nn.Module, nn.Module],
    images: set[Any],
    gates: dict[nn.Module, set[nn.Module]],
) -> None:
    mixed: set[nn.Module] = set()  # norms that are given something else as well, in one of their calls
    for module, node, dims in given:
        mine = originals[module]
        if isinstance(module, norms):
            sources, whole = _sources(node, made, _JOIN)
            convolutions = [originals[one] for one in sources if isinstance(one, nn.Conv2d)]
            if not whole or len(convolutions) < len(sources):
                mixed.add(mine)
            flow.reached.add(mine)
            flow.dims[mine] = dims
            flow.before.setdefault(mine, []).extend(convolutions)
        else:
            for one in _sources(node, made, _KEEP)[0]:
                # What another branch is multiplied into, or what gates the norm's own output, is no place of the rule.
                if not isinstance(one, norms) or module in gates.get(one, ()):
                    continue
                if not images & _upstream(node, made, one):
                    flow.after.setdefault(originals[one], []).append(mine)
    for norm in mixed:
        flow.before[norm] = []


def _gates(
    made: dict[Any, nn.Module], roots: list[Any], norms: tuple[type[nn.Module], ...]
) -> dict[nn.Module, set[nn.Module]]:
    """Norm -> convolutions that compute a factor of the norm's own output, as attention's and excitation's do."""
    gates: dict[nn.Module, set[nn.Module]] = {}
    todo, seen = [node for node in roots if node is not None], set(roots)
    while todo:
        node = todo.pop()
        sides = [side for side, _ in node.next_functions if side is not None]
        todo += [side for side in sides if side not in seen]
        seen.update(sides)
        if len(sides) == 2 and node.name().startswith("Mul"):
            for side, factor in (sides, sides[::-1]):
                for norm in _sources(side, made, _KEEP)[0]:
                    if isinstance(norm, norms):
                        passed = _upstream(factor, made, norm)
                        gates.setdefault(norm, set()).update(made[one] for one in passed if one in made)
    return gates


def _upstream(node: Any, made: dict[Any, nn.Module], norm: nn.Module) -> set[Any]:
    """All nodes that a value was made of, those above a norm's output left out."""
    seen: set[Any] = set()
    todo = [node]
    while todo:
        current = todo.pop()
        if current is None or current in seen or made.get(current) is norm:
            continue
        seen.add(current)
        todo += [following for following, _ in current.next_functions]
    return seen


def _nodes(output: Any) -> list[Any]:
    """Nodes of the tensors that a network put out, in whatever it put them."""
    return [one.grad_fn for one in tree_leaves(output) if isinstance(one, Tensor) and one.grad_fn is not None]


def _sources(node: Any, made: dict[Any, nn.Module], through: tuple[str, ...]) -> tuple[list[nn.Module], bool]:
    """Modules whose outputs a value was made of by these operations alone, and whether it was made of nothing else."""
    found: list[nn.Module] = []
    seen: set[Any] = set()
    todo, whole = [node], node is not None
    while todo:
        current = todo.pop()
        if current is None or current in seen:
            continue
        seen.add(current)
        if current in made:
            found.append(made[current])
        elif current.name().startswith(through):
            todo += [following for following, _ in current.next_functions]
        else:
            whole = False
    return found, whole
