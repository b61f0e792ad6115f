"""Where the plain norms of any network stand: which convolution feeds each, and which one each feeds (see `flow`)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from an_cli.norm.attentive import AttentiveNorm2d
from an_cli.norm.flow import Flow, trace

PlainNorm = nn.BatchNorm2d | nn.SyncBatchNorm | nn.GroupNorm
_LEVELS = 2  # how far below their block a block's convolutions stand: `block.conv2`, or `block.conv2.conv`


@dataclass(frozen=True, kw_only=True)
class NormSite:
    """A plain norm in a network, as a rule for choosing norms sees it.

    Attributes:
        name: dotted, in the network.
        norm: the layer.
        channels: that it normalizes.
        before: the convolution whose output it is given, and nothing else is; of several in parallel a pointwise one.
        after: the convolution that its output goes into, through activations and gates of its own but no sum and no
            other branch; of several one that is spatial. Those that compute such a gate do not count. Either is None
            where there is none, or where nothing is known.
        same_block: whether the two stand in one block.
        dims: dimensions of its input; None where the network could not be called.
    """

    name: str
    norm: PlainNorm
    channels: int
    before: nn.Conv2d | None
    after: nn.Conv2d | None
    same_block: bool
    dims: int | None = None


def second_of_bottleneck(site: NormSite) -> bool:
    """Choose the norm between a spatial convolution and the pointwise one after it, in one block.

    That is the second norm of a ResNet's bottleneck and the norm after the depthwise convolution of an inverted
    residual; not the stem's, and nothing in blocks of two 3x3 convolutions.

    Source: Section 3.4.
    """
    return site.same_block and _spatial(site.before) and site.after is not None and not _spatial(site.after)


def why_not(site: NormSite) -> str:
    """Why `second_of_bottleneck` does not choose a norm, in words that follow "1 norm"; empty where it does."""
    if second_of_bottleneck(site):
        return ""
    if site.dims is None:
        return "not reached by the call"
    if not _spatial(site.before):
        return "not fed by a spatial convolution alone"
    if site.after is None:
        return "feeding no convolution before a sum, a join or a gate of another branch"
    return "feeding a spatial convolution" if _spatial(site.after) else "feeding another block"


def every_norm(site: NormSite) -> bool:
    """Choose every plain norm."""
    return True


def norm_sites(model: nn.Module, example: object = None) -> list[NormSite]:
    """All plain norms below a network's root, in the order in which they are registered.

    Args:
        model: any network; it is neither run nor changed.
        example: what it is called with, a tensor or a tuple of them; without it images of usual sizes are tried.
    """
    kinds = (nn.BatchNorm2d, nn.SyncBatchNorm, nn.GroupNorm)
    # A layer of ours holds a norm in its attention, which is none of the network's places.
    ours = {inner for module in model.modules() if isinstance(module, AttentiveNorm2d) for inner in module.modules()}
    flow, names = trace(model, kinds, example), {module: name for name, module in model.named_modules()}
    blocks = _Blocks({module: name for module, name in names.items() if module not in flow.gates})
    return [
        _site(name, module, flow, names, blocks)
        for name, module in model.named_modules()
        if name and isinstance(module, kinds) and module not in ours
    ]


def _site(name: str, norm: PlainNorm, flow: Flow, names: dict[nn.Module, str], blocks: _Blocks) -> NormSite:
    before = sorted(_convolutions(flow.before.get(norm, [])), key=_spatial)
    after = sorted(_convolutions(flow.after.get(norm, [])), key=_spatial, reverse=True)
    return NormSite(
        name=name,
        norm=norm,
        channels=norm.num_channels if isinstance(norm, nn.GroupNorm) else norm.num_features,
        before=before[0] if before else None,
        after=after[0] if after else None,
        same_block=bool(before and after)
        and all(blocks.hold(names[one], names[other]) for one in before for other in after),
        dims=flow.dims.get(norm),
    )


def _convolutions(modules: list[nn.Module]) -> list[nn.Conv2d]:
    return [module for module in modules if isinstance(module, nn.Conv2d)]


class _Blocks:
    """A network's blocks: modules, not the network itself, whose convolutions all stand at most two levels below."""

    def __init__(self, names: dict[nn.Module, str]) -> None:
        self._depth: dict[str, int] = {}
        self._kinds: dict[str, set[bool]] = {}  # a module -> whether the convolutions in it are spatial
        for module, name in names.items():
            if isinstance(module, nn.Conv2d):
                parts = name.split(".")
                for level in range(1, len(parts) + 1):
                    self._kinds.setdefault(".".join(parts[:level]), set()).add(_spatial(module))
                for level in range(1, len(parts)):
                    above = ".".join(parts[:level])
                    self._depth[above] = max(self._depth.get(above, 0), len(parts) - level)

    def hold(self, one: str, other: str) -> bool:
        """Whether one block holds both; a stage, which holds blocks, is none.

        A part of a block has convolutions of one kind: one that has both is a block itself.
        """
        ours, theirs = one.split("."), other.split(".")
        shared = 0
        while shared < min(len(ours), len(theirs)) and ours[shared] == theirs[shared]:
            shared += 1
        parts = [self._kinds.get(".".join(names[: shared + 1]), set()) for names in (ours, theirs)]
        if any(len(kinds) > 1 for kinds in parts):
            return False
        return shared > 0 and self._depth.get(".".join(ours[:shared]), _LEVELS + 1) <= _LEVELS


def _spatial(convolution: nn.Conv2d | None) -> bool:
    return convolution is not None and max(convolution.kernel_size) > 1
