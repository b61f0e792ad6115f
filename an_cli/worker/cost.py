"""What networks cost, answered without computing anything: built on the meta device."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TextIO

import torch

from an_cli.config import CellConfig, read
from an_cli.config.schema import PluginModelConfig, PluginNormConfig
from an_cli.errors import AnError, ConfigError, to_value
from an_cli.kernels import state
from an_cli.models import Counts
from an_cli.train import make_task
from an_cli.worker.answering import answer


def answer_costs(requests: Iterable[str], answers: TextIO) -> int:
    """For each `{"key", "config"}` line answer `{"key", "params", "macs"}`, or `{"key", "error"}`."""
    for line in requests:
        if not line.strip():
            continue
        request = json.loads(line)
        counted: dict[str, object] = {"key": request["key"]}
        try:
            counts = count_cell(read(CellConfig, request["config"]))
            counted.update(params=counts.params, macs=counts.macs)
        except AnError as error:
            counted["error"] = to_value(error)
        print(json.dumps(counted), file=answers, flush=True)
    return 0


def answer_model(requests: TextIO, answers: TextIO) -> int:
    """For one cell config answer its counts by part and by kind of parameter; exit 1 with the error otherwise."""
    return answer(requests, answers, lambda request: _describe(count_cell(read(CellConfig, request))))


def count_cell(config: CellConfig) -> Counts:
    """Counts of a cell's network for one sample of its data set."""
    task = make_task(config)
    with torch.device("meta"):
        model = task.build()
    try:
        return task.count(model)
    except RuntimeError as error:
        if not isinstance(config.model, PluginModelConfig) and not isinstance(config.norm, PluginNormConfig):
            raise
        raise ConfigError(
            f"it cannot be counted: {str(error).partition(chr(10))[0]}",
            where="model.entry_point" if isinstance(config.model, PluginModelConfig) else "norm.entry_point",
            now="it must take a batch of no images in evaluation mode: x.flatten(1), not x.view(n, -1)",
        ) from error


def _describe(counts: Counts) -> dict[str, object]:
    stages = [
        {
            "name": part.name,
            "shape": list(part.output_shape),
            "params": part.params,
            "macs": part.macs,
            "an": [{"channels": channels, "components": components} for channels, components in part.attentive],
        }
        for part in counts.modules
    ]
    return {
        "params": counts.params,
        "macs": counts.macs,
        "input_shape": list(counts.input_shape),
        "stages": stages,
        "params_by_kind": asdict(counts.kinds),
        "kernels": state("fp32") if any(part.attentive for part in counts.modules) else "",
    }
