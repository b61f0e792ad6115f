"""Tensor names of the checkpoints that the paper's authors published, and the way from their tensors to ours.

Their names follow from ours: the place in the network first, then the part of the norm. A BN network has `weight`,
`bias` and `running_*` in the place of the attentive layer. In a saved training state the names carry the prefix
`module.` of the wrappers around the network, twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from torch import Tensor, nn

from an_cli.errors import ConfigError, DataError
from an_cli.models.aognet import AOGNet
from an_cli.models.mobilenet_v2 import InvertedResidual, MobileNetV2
from an_cli.models.resnet import ResNet

_Rules = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]

_NORM: _Rules = (
    (r"\.standardizer\.", "."),
    (r"\.mixture\.gamma$", ".weight_"),
    (r"\.mixture\.beta$", ".bias_"),
    (r"\.attention\.head\.fc\.", ".attention_weights.attention.0."),
    (r"\.attention\.head\.bn\.", ".attention_weights.attention.1."),
)
_STAGE: _Rules = (
    (r"^stages\.(\d+)\.(\d+)\.", lambda m: f"layer{int(m[1]) + 1}.{m[2]}."),
    (r"^(layer.*)\.norm(\d)\.", r"\1.bn\2."),
    (r"\.shortcut\.", ".downsample."),
)
_ONE_CONVOLUTION: _Rules = ((r"^stem\.0\.", "conv1."), (r"^stem\.1\.", "bn1."))
_THREE_CONVOLUTIONS: _Rules = ((r"^stem\.7\.", "bn1."), (r"^stem\.", "conv1."))
_AOGNET: _Rules = (
    (r"^stem\.([01])\.", r"stem.0.conv_norm.conv_norm.\1."),
    (r"^stem\.([34])\.", lambda m: f"stem.1.conv_norm.conv_norm.{int(m[1]) - 3}."),
    (r"^stem\.([67])\.", lambda m: f"stem.2.conv_norm.conv_norm.{int(m[1]) - 6}."),
    (r"^stages\.(\d+)\.transition\.([01])\.", r"stage\1.stage_\1_block_0_transition.0.conv_norm.conv_norm.\2."),
    (r"^stages\.(\d+)\.block(\d+)\.", lambda m: f"stage{m[1]}.stage_{m[1]}_block_{int(m[2]) - 1}."),
    (r"\.(stage_\d+_block_\d+)\.nodes\.node(\d+)\.", r".\1.\1_node_\2_op."),
    (r"_op\.conv([12])\.", r"_op.conv_norm_ac_\1.conv_norm.conv_norm.0."),
    (r"_op\.norm([12])\.", r"_op.conv_norm_ac_\1.conv_norm.conv_norm.1."),
    (r"_op\.conv3\.", "_op.conv_norm_3.conv_norm.0."),
    (r"_op\.norm3\.", "_op.conv_norm_3.conv_norm.1."),
    (r"_op\.shortcut\.", "_op.shortcut.conv_norm."),
    (r"^(stage\d+\.stage_\d+_block_\d+)\.norm\.", r"\1.extra_norm_ac.0."),
)
_EXPANDED = {"conv1": "0.0", "norm1": "0.1", "conv2": "1.0", "norm2": "1.1", "conv3": "2", "norm3": "3"}
_NOT_EXPANDED = {"conv2": "0.0", "norm2": "0.1", "conv3": "1", "norm3": "2"}
_OTHER_NETWORK = "choose the model, norm and recipe (which sets the stem) that the file was made with"
_SHOWN = 3  # names in one message
_OPTIONAL = ".num_batches_tracked"  # a counter of no effect, which older versions of PyTorch did not save


def published_names(model: nn.Module) -> dict[str, str]:
    """Our tensor names to the published ones, for every tensor of a network.

    Raises:
        ConfigError: a network of no family of the paper.
    """
    rules = (*_rules(model), *_NORM)
    return {name: _rename(name, rules) for name in model.state_dict()}


def to_ours(published: Mapping[str, Tensor], model: nn.Module, *, where: str = "") -> dict[str, Tensor]:
    """Rename published tensors to a network's own.

    Args:
        published: tensors by published name, with or without the prefixes `module.`.
        model: the network they are for; left as it was.
        where: their file, for messages.

    Returns:
        A state dict for `model.load_state_dict`.

    Raises:
        DataError: a tensor that is missing, left over, or of another shape; the message names it.
    """
    return fit(_without_prefixes(published), published_names(model), model.state_dict(), where=where)


def fit(
    given: Mapping[str, Tensor], names: Mapping[str, str], own: Mapping[str, Tensor], *, where: str
) -> dict[str, Tensor]:
    """Make sure that a file holds exactly a network's tensors, and give them our names.

    Args:
        given: the file's tensors.
        names: what each of ours is called in the file.
        own: the network's, by our name.
        where: the file, for messages.

    Raises:
        DataError: a tensor that is missing, left over, or of another shape or type; the message names it.
    """
    _refuse("missing", sorted(n for n in names.values() if n not in given and not n.endswith(_OPTIONAL)), where)
    _refuse("left over", sorted(given.keys() - set(names.values())), where)
    ours = {name: _shaped(given[theirs], own[name]) for name, theirs in names.items() if theirs in given}
    wrong = (f"{names[n]} {_kind(given[names[n]])}, not {_kind(own[n])}" for n in ours if _misfits(ours[n], own[n]))
    _refuse("of another shape or type", sorted(wrong), where)
    counters = {n: own[n].new_zeros((), device="cpu") for n in names if n not in ours}
    return {**ours, **counters}


def refuse_not_finite(tensors: Mapping[str, Tensor], where: str) -> None:
    """Make sure that all weights are numbers: a network with one that is not gives none.

    Raises:
        DataError: a tensor holds NaN or Inf; the message names it.
    """
    floats = ((name, tensor) for name, tensor in tensors.items() if tensor.is_floating_point())
    _refuse(
        "with NaN or Inf",
        sorted(name for name, tensor in floats if not bool(tensor.isfinite().all())),
        where,
        now="the training that made it has diverged: give an earlier file",
    )


def _rules(model: nn.Module) -> _Rules:
    match model:
        case ResNet():
            convolutions = sum(isinstance(layer, nn.Conv2d) for layer in model.stem)
            return (*_STAGE, *(_ONE_CONVOLUTION if convolutions == 1 else _THREE_CONVOLUTIONS))
        case MobileNetV2():
            return _mobilenet_v2(model)
        case AOGNet():
            return _AOGNET
    raise ConfigError(
        f"no checkpoint of a {type(model).__name__} was published", where="model", now="resnet, mobilenet_v2 or aognet"
    )


def _mobilenet_v2(model: MobileNetV2) -> _Rules:
    """Stem, blocks and head are one list, and a block's parts are numbered."""
    blocks = [(name, block) for name, block in model.named_modules() if isinstance(block, InvertedResidual)]
    rules: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [(r"^stem\.", "features.0.")]
    for number, (name, block) in enumerate(blocks, 1):
        parts = _EXPANDED if block.expands else _NOT_EXPANDED
        rules += [(rf"^{re.escape(name)}\.{ours}\.", f"features.{number}.conv.{n}.") for ours, n in parts.items()]
    return (*rules, (r"^head\.", f"features.{len(blocks) + 1}."), (r"^fc\.", "classifier.1."))


def _rename(name: str, rules: _Rules) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _without_prefixes(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    given = dict(published)
    while given and all(name.startswith("module.") for name in given):
        given = {name.removeprefix("module."): tensor for name, tensor in given.items()}
    return given


def _shaped(tensor: Tensor, own: Tensor) -> Tensor:
    """The attention's 1x1 convolution (K, C, 1, 1) as the fully connected layer (K, C) that it is; whole counters."""
    if not own.is_floating_point():
        return tensor.to(own.dtype)
    return tensor.flatten(1) if tensor.shape == (*own.shape, 1, 1) else tensor


def _misfits(tensor: Tensor, own: Tensor) -> bool:
    return tensor.shape != own.shape or tensor.is_floating_point() is not own.is_floating_point()


def _kind(tensor: Tensor) -> str:
    return f"{[*tensor.shape]} {str(tensor.dtype).removeprefix('torch.')}"


def _refuse(what: str, names: Iterable[str], where: str, *, now: str = _OTHER_NETWORK) -> None:
    """Name tensors that keep a file from being a network's; none are no reason."""
    refused = list(names)
    if refused:
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        noun = "tensor" if len(refused) == 1 else "tensors"
        raise DataError(f"{len(refused)} {noun} {what}: {', '.join(refused[:_SHOWN])}{more}", where=where, now=now)
