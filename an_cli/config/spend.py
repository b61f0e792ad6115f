"""Keys of conf/model/*.yaml that composing uses up, so that they never enter an id.

`components` (K) belongs to the model in YAML and to the norm in an experiment: once norm/an_*.yaml has referred to it,
the model's copy says nothing, and a BN network must not carry it. `width_factor` scales the model's widths; half of 64
channels and 32 channels are the same network.
"""

from __future__ import annotations

from typing import Any

from an_cli.errors import ConfigError

_SCALED = ("widths", "stem_width", "head_width")
_WIDENED_ONLY = "head_width"  # a narrower MobileNet keeps its head (Sandler et al., 2018)
_UNIT = 8


def spend(model: dict[str, Any]) -> None:
    """Apply and remove what composing uses up, in place.

    Raises:
        ConfigError: a width factor that is no positive number.
    """
    model.pop("components", None)
    factor = model.pop("width_factor", 1)
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < float("inf"):
        raise ConfigError(f"{factor!r} is not a positive number", where="model.width_factor", now="1.0 is the paper's")
    for key in _SCALED if factor != 1 else ():
        if key in model:
            model[key] = _scaled(model[key], max(factor, 1) if key == _WIDENED_ONLY else factor)


def _scaled(width: Any, factor: float) -> Any:
    """The nearest multiple of 8, at least 8 and no more than 10% below; what is no whole number is left to the reader.

    Source: Sandler et al., 2018.
    """
    if isinstance(width, list):
        return [_scaled(each, factor) for each in width]
    if not isinstance(width, int) or isinstance(width, bool):
        return width
    nearest = max(_UNIT, int(width * factor + _UNIT / 2) // _UNIT * _UNIT)
    return nearest if nearest >= 0.9 * width * factor else nearest + _UNIT
