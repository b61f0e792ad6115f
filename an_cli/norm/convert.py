"""Attentive normalization in networks that are not ours: replace chosen norms of a torchvision or timm network.

from an_cli.norm import convert
print(convert(model, 10, keep_affine=True))
"""

from __future__ import annotations

import operator
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import SupportsIndex, cast

import torch
from torch import Tensor, nn

from an_cli.config.schema import AttentionInput, Gate, Head, Squeeze
from an_cli.errors import ConfigError
from an_cli.norm.attentive import AttentiveNorm2d
from an_cli.norm.sites import NormSite, PlainNorm, norm_sites, second_of_bottleneck, why_not

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_PLAIN_FORWARDS = (nn.BatchNorm2d.forward, nn.SyncBatchNorm.forward, nn.GroupNorm.forward)
_HOOKS = (
    "_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called", "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs", "_backward_hooks", "_backward_pre_hooks", "_is_full_backward_hook",
)  # fmt: skip
_FOLLOWING = ("drop", "act")  # what a norm of timm applies to its own output


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """One norm that became attentive; `kept` names the tensors taken over from it."""

    name: str
    was: str
    channels: int
    components: int
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Conversion:
    """What `convert` has replaced, in the network's order, of how many norms; prints as a line each and the count."""

    replaced: tuple[Replaced, ...]
    norms: int

    def __str__(self) -> str:
        lines = [
            f"{one.name}: {one.was} of {one.channels} channels, K={one.components}, "
            f"kept {', '.join(one.kept) or 'no tensors'}"
            for one in self.replaced
        ]
        return "\n".join([*lines, f"{len(lines)} of {self.norms} norms are attentive now"])


def convert(
    model: nn.Module,
    components: int | Callable[[NormSite], int] = 10,
    *,
    where: str | type[nn.Module] | Callable[[NormSite], bool] = second_of_bottleneck,
    keep_affine: bool = False,
    squeeze: Squeeze | str = "rsd",
    head: Head | str | None = None,
    gate: Gate | str = "hsigmoid",
    input: AttentionInput | str = "raw",
    squeeze_eps: float = 1e-3,
    example: object = None,
) -> Conversion:
    """Replace chosen BatchNorm2d, SyncBatchNorm and GroupNorm layers of a network by AttentiveNorm2d, in place.

    A new layer takes over eps, momentum or groups, running statistics, device, dtype, training mode and hooks; where
    all parameters of the old norm were frozen (requires_grad=False), the new one's are. Its attention starts as the
    paper's does.

    With `keep_affine` every component starts at the old gamma and beta, divided by the sum of lambda that is expected
    at the start: 1 for softmax, K/2 for sigmoid and hsigmoid. The outputs then equal those of the network before, but
    for the factor sum(lambda) / (K/2) of sigmoid and hsigmoid, which is near 1 and differs by sample.
    The components separate in training, because their weights lambda differ. Without it the mixture starts as the
    paper's does.

    Make the optimizer after this call: the new layers have new parameters. Statistics are those of one process, as in
    the paper, also where a SyncBatchNorm was. `SyncBatchNorm.convert_sync_batchnorm` after this call reaches the rest
    of the network and the BN inside the A2 head.

    Args:
        model: any network; its root cannot be the norm itself.
        components: K of every new layer, or a function of the place.
        where: which norms, those of subclasses included: a function of the place; a class, whose instances are chosen;
            or a pattern of names (`"layer[34].*.bn2"`, where * matches dots too). The rule unless given is
            `second_of_bottleneck`.
        keep_affine: start near the network as it is.
        squeeze: mean, mean_std or rsd.
        head: a1 or a2; unless given a2, and a1 where a GroupNorm was.
        gate: sigmoid, softmax or hsigmoid.
        input: raw or standardized.
        squeeze_eps: inside the root of the instance's standard deviation.
        example: what the network is called with, a tensor or a tuple, for a rule that asks which convolutions stand
            around a norm: that is read off a call without weights. Without it images of usual sizes are tried.

    Returns:
        What was replaced.

    Raises:
        ConfigError: nothing was chosen, or a norm that AN has no counterpart for (one with a forward pass, parameters
            or buffers of its own); the network is then as it was.

    Source: Section 3.4.
    """
    _check_sizes(model)
    sites = norm_sites(model, example)
    chosen = [site for site in sites if _is_chosen(site, where)]
    if not chosen:
        raise ConfigError(
            _nothing(model, sites, by_rule=where is second_of_bottleneck), where="convert", now=_HOW_TO_CHOOSE
        )
    made: dict[int, nn.Module] = {}
    replaced: list[Replaced] = []
    for site in chosen:
        _check_plain(site)
        k = _whole(components(site) if callable(components) else components, site.name)
        default = Head.A1 if isinstance(site.norm, nn.GroupNorm) else Head.A2
        layer = _attentive(site, k, squeeze, head or default, gate, input, squeeze_eps)
        kept = _take_over(layer, site.norm, keep_affine=keep_affine, normalized=Gate(gate) is Gate.SOFTMAX)
        made[id(site.norm)] = _with_what_follows(layer, site)
        _hand_over(site.norm, layer, made[id(site.norm)])
        was = type(site.norm).__name__
        replaced.append(Replaced(name=site.name, was=was, channels=site.channels, components=k, kept=kept))
    _put_in(model, made)
    return Conversion(tuple(replaced), norms=len(sites))


_HOW_TO_CHOOSE = (
    'give example=INPUT, or say which: where="*.bn2", where=torch.nn.BatchNorm2d, or a function of a NormSite'
)


def _nothing(model: nn.Module, sites: list[NormSite], *, by_rule: bool) -> str:
    others: dict[str, list[str]] = {}
    for name, module in model.named_modules():
        if "norm" in type(module).__name__.lower() and not isinstance(module, PlainNorm) and not any(module.children()):
            others.setdefault(type(module).__name__, []).append(name)
    beside = "; ".join(
        f"{len(where)} {kind} ({', '.join(where[:3])}{', ...' if len(where) > 3 else ''})"
        for kind, where in others.items()
    )
    if by_rule and sites and all(site.dims is None for site in sites):
        return f"the network cannot be called with images of usual sizes, so nothing is known of its {len(sites)} norms"
    names = ", ".join(site.name for site in sites[:5]) + (", ..." if len(sites) > 5 else "")
    why = "; ".join(f"{count} {reason}" for reason, count in Counter(map(why_not, sites)).items()) if by_rule else ""
    return (
        f"none of {len(sites)} norms was chosen ({names}){f': {why}' if why else ''}"
        if sites
        else "the network has no BatchNorm2d or GroupNorm"
    ) + (f"; AN has no counterpart for its {beside}: make them BatchNorm2d or GroupNorm first" if beside else "")


def _is_chosen(site: NormSite, where: str | type[nn.Module] | Callable[[NormSite], bool]) -> bool:
    if isinstance(where, str):
        return fnmatchcase(site.name, where)
    return isinstance(site.norm, where) if isinstance(where, type) else where(site)


def _whole(components: object, name: str) -> int:
    """K as a number of Python's: numpy's integers are taken, a bool is not."""
    try:
        if not isinstance(components, bool):
            return operator.index(cast("SupportsIndex", components))
    except TypeError:
        pass
    raise ConfigError(f"K={components!r} is not a whole number", where=name, now="every K is a whole number, 1 or more")


def _check_sizes(model: nn.Module) -> None:
    """Refuse a network that does not know its own sizes yet.

    Raises:
        ConfigError: a lazy layer that was not called.
    """
    lazy = [
        name
        for name, module in model.named_modules()
        if any(nn.parameter.is_lazy(one) for one in module.parameters(recurse=False))
    ]
    if lazy:
        raise ConfigError(
            f"{len(lazy)} layers have no size yet ({', '.join(lazy[:3])}{', ...' if len(lazy) > 3 else ''})",
            where="convert",
            now="call the network once with a batch of images first",
        )


def _check_plain(site: NormSite) -> None:
    """Refuse a subclass that does, or holds, what a plain norm does not: it would be lost without a word.

    Raises:
        ConfigError: it has a forward pass, parameters or buffers of its own.
    """
    norm, kind = site.norm, type(site.norm)
    if site.dims not in (None, 4):
        raise ConfigError(
            f"{kind.__name__} of an input of {site.dims} dimensions, as a BatchNorm1d's: AN normalizes images of 4",
            where=site.name,
            now="leave it out of the choice",
        )
    held = [name for name, _ in (*norm.named_parameters(recurse=False), *norm.named_buffers(recurse=False))]
    own = [name for name in held if name not in ("weight", "bias", *_STATISTICS)]
    # timm's norms have forward passes of their own, which apply the dropout and the activation that they hold.
    computes = "forward" in vars(norm) or (
        kind.forward not in _PLAIN_FORWARDS and not kind.__module__.startswith("timm.layers.")
    )
    if own or computes:
        what = f"it holds {', '.join(own)}" if own else "it has a forward pass of its own"
        raise ConfigError(
            f"{kind.__name__} does more than normalize: {what}", where=site.name, now="leave it out of the choice"
        )


def _hand_over(norm: PlainNorm, layer: AttentiveNorm2d, placed: nn.Module) -> None:
    """Freeze a layer whose norm was frozen, and give what stands in the norm's place its hooks, handles included."""
    affine = [parameter for parameter in (norm.weight, norm.bias) if parameter is not None]
    if affine and not any(parameter.requires_grad for parameter in affine):
        layer.requires_grad_(False)
    for name in _HOOKS:
        setattr(placed, name, getattr(norm, name))


def _attentive(
    site: NormSite,
    components: int,
    squeeze: Squeeze | str,
    head: Head | str,
    gate: Gate | str,
    input: AttentionInput | str,
    squeeze_eps: float,
) -> AttentiveNorm2d:
    norm = site.norm
    grouped = isinstance(norm, nn.GroupNorm)
    return AttentiveNorm2d(
        site.channels,
        components,
        standardize="gn" if grouped else "bn",
        squeeze=squeeze,
        head=head,
        gate=gate,
        input=input,
        groups=norm.num_groups if isinstance(norm, nn.GroupNorm) else None,
        eps=norm.eps,
        momentum=0.1 if isinstance(norm, nn.GroupNorm) else _momentum(site.name, norm),
        squeeze_eps=squeeze_eps,
    )


def _momentum(name: str, norm: nn.BatchNorm2d | nn.SyncBatchNorm) -> float:
    if norm.running_mean is None or norm.momentum is None:
        raise ConfigError(
            "it tracks no running statistics, or their plain average (momentum=None)",
            where=name,
            now="AN keeps a moving average: set momentum=0.1 and track_running_stats=True there, or leave it out",
        )
    return norm.momentum


def _take_over(layer: AttentiveNorm2d, norm: PlainNorm, *, keep_affine: bool, normalized: bool) -> tuple[str, ...]:
    """Give a new layer what the old one has learned, and its place and mode; returns the names of the tensors kept."""
    like = next((t for t in (norm.weight, getattr(norm, "running_mean", None)) if t is not None), None)
    if like is not None:
        layer.to(like.device, like.dtype)
    layer.train(norm.training)
    statistics = {} if isinstance(norm, nn.GroupNorm) else {name: getattr(norm, name) for name in _STATISTICS}
    layer.standardizer.load_state_dict(statistics)
    affine = {"weight": norm.weight, "bias": norm.bias} if keep_affine else {}
    if keep_affine:
        _start_at(layer, norm.weight, norm.bias, lambdas=1.0 if normalized else layer.components / 2)
    return (*statistics, *(name for name, value in affine.items() if value is not None))


@torch.no_grad()
def _start_at(layer: AttentiveNorm2d, gamma: Tensor | None, beta: Tensor | None, *, lambdas: float) -> None:
    """Every component at gamma and beta over the expected sum of lambda; what the old norm did not have is 1 and 0."""
    mixture = layer.mixture
    mixture.gamma.copy_((torch.ones_like(mixture.gamma) if gamma is None else gamma) / lambdas)
    mixture.beta.copy_((torch.zeros_like(mixture.beta) if beta is None else beta) / lambdas)


def _with_what_follows(layer: AttentiveNorm2d, site: NormSite) -> nn.Module:
    """The layer, followed by the dropout and the activation that timm's norms hold.

    Raises:
        ConfigError: a norm that does something else as well.
    """
    inside = OrderedDict(site.norm.named_children())
    if set(inside) - set(_FOLLOWING):
        raise ConfigError(
            f"{type(site.norm).__name__} does more than normalize: it holds {', '.join(inside)}",
            where=site.name,
            now="leave it out of the choice",
        )
    following = OrderedDict((name, inside[name]) for name in _FOLLOWING if name in inside)
    return nn.Sequential(OrderedDict(norm=layer, **following)) if following else layer


def _put_in(model: nn.Module, made: dict[int, nn.Module]) -> None:
    """Replace wherever a norm stands: one that a network uses twice is one layer afterwards too."""
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):  # not named_children, which leaves repetitions out
            if id(child) in made:
                setattr(parent, name, made[id(child)])
