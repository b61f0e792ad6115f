"""From a data config to its data sets."""

from __future__ import annotations

from pathlib import Path

from an_cli.config.plugins import DATA, find_plugin
from an_cli.config.schema import DataConfig, DataSource, PluginDataConfig
from an_cli.data.dataset import DataPair, DataSet
from an_cli.errors import ConfigError, DataError


def make_data(config: DataConfig, *, data_root: Path | None) -> DataPair:
    """Training and evaluation set of a config.

    Args:
        config: which data, and what is expected of them.
        data_root: folder that holds the data sets' folders; only image folders need it.

    Raises:
        ConfigError: the config cannot describe this source.
        DataError: the data are missing, incomplete, or not those that the config describes.
    """
    if isinstance(config, PluginDataConfig):
        return _own(config, data_root)
    match config.source:  # each source imports what it needs when it is chosen
        case DataSource.FASHION_MNIST_SMALL:
            from an_cli.data.embedded_set import fashion_mnist_small

            return fashion_mnist_small(config)
        case DataSource.SYNTHETIC:
            from an_cli.data.synthetic import synthetic

            return synthetic(config)
        case DataSource.IMAGE_FOLDER:
            from an_cli.data.image_folder import image_folder

            return image_folder(config, data_root)


def _own(config: PluginDataConfig, data_root: Path | None) -> DataPair:
    make = find_plugin(DATA, config.entry_point, "data").load(config.parameters)
    pair = make(config, data_root=data_root)
    if not isinstance(pair, DataPair):
        raise ConfigError(
            f"entry point {config.entry_point!r} gave a {type(pair).__name__}",
            where="data.entry_point",
            now="it must return an an_cli.data.DataPair",
        )
    for split, asked in (("train", config.train_samples), ("eval", config.eval_samples)):
        there = len(getattr(pair, split))
        if asked is not None and asked != there:
            raise DataError(f"{there} samples, {asked} are asked", where=f"data.{split}_samples", now="null takes all")
    return pair


def make_eval_data(config: DataConfig, *, data_root: Path | None) -> DataSet:
    """The evaluation set of a config alone: image files of training need not be there.

    Raises:
        ConfigError, DataError: see `make_data`.
    """
    if config.source is DataSource.IMAGE_FOLDER:
        from an_cli.data.image_folder import evaluation_images

        return evaluation_images(config, data_root)
    return make_data(config, data_root=data_root).eval
