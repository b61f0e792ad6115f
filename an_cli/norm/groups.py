"""Parameter groups for an optimizer: which parameters weight decay is to spare."""

from __future__ import annotations

from typing import Any

from torch import nn

_WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd, nn.Embedding, nn.Bilinear, nn.RNNBase, nn.MultiheadAttention)


def parameter_groups(
    model: nn.Module, *, weight_decay: float | None = None, biases: bool = False
) -> list[dict[str, Any]]:
    """Parameters in the model's order, those of normalization in a second group without weight decay.

    The mixture's gamma and beta have two dimensions, so a rule that spares parameters of one dimension, as many
    training scripts have, decays them while it spares every other norm's. This is the rule of an-cli's own training
    with `recipe.weight_decay_on_norm=false`: a module that holds parameters itself and is no convolution, fully
    connected, embedding or recurrent layer is a normalization.

    Args:
        model: converted or not.
        weight_decay: of the first group; None leaves it to the optimizer.
        biases: spare the biases of other layers too, those of AN's attention among them.

    Returns:
        Groups for an optimizer: `torch.optim.SGD(parameter_groups(model), lr=0.1, weight_decay=1e-4)`.
    """
    spared = {
        id(parameter)
        for module in model.modules()
        if not isinstance(module, _WEIGHTED)
        for parameter in module.parameters(recurse=False)
    }
    if biases:
        spared |= {id(parameter) for name, parameter in model.named_parameters() if name.endswith("bias")}
    decayed: dict[str, Any] = {"params": [one for one in model.parameters() if id(one) not in spared]}
    if weight_decay is not None:
        decayed["weight_decay"] = weight_decay
    return [decayed, {"params": [one for one in model.parameters() if id(one) in spared], "weight_decay": 0.0}]
