"""The shapes of an experiment: frozen values without defaults.

Every value is written once, in conf/; these classes say which keys there are and what type each has. `CellConfig` holds
everything that can change a number and is hashed; where and how a run is started (`LaunchConfig`) never is.
The words are the paper's (Sections 3 and 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from an_cli.config.task import PluginTaskConfig


class Family(StrEnum):
    """Backbone family (paper, Section 4)."""

    RESNET = "resnet"
    MOBILENET_V2 = "mobilenet_v2"
    AOGNET = "aognet"


class Stem(StrEnum):
    """First layers of a network, before stage 1."""

    CONV7X7 = "conv7x7"  # 7x7/2, max pool 3x3/2: the vanilla setup
    DEEP3X3 = "deep3x3"  # three 3x3, the first strided, max pool 2x2/2: the state-of-the-art setup
    CONV3X3 = "conv3x3"  # one 3x3/2 without a pool: MobileNet-v2, and images of 28 to 64 pixels


class Shortcut(StrEnum):
    """How a strided bottleneck shrinks its shortcut."""

    STRIDED = "strided"  # 1x1 convolution with the stride
    AVERAGE_POOL = "average_pool"  # 2x2 average pool, then a 1x1 convolution


class Standardize(StrEnum):
    """Block-wise standardization (Eqn. 1-2)."""

    BN = "bn"
    GN = "gn"
    SN = "sn"  # switchable: BN, IN and LN mixed (Luo et al., 2019)


class Placement(StrEnum):
    """Which normalization layers become attentive (Section 3.4); first to third count within a bottleneck."""

    SECOND = "second"
    EVERY_SECOND = "every_second"  # differs from second in AOGNets: also in nodes that see a part of the channels
    SECOND_AND_STEM = "second_and_stem"
    THIRD = "third"
    ALL = "all"


class Squeeze(StrEnum):
    """Instance statistic that feeds the attention (Section 3.3.2)."""

    MEAN = "mean"
    MEAN_STD = "mean_std"
    RSD = "rsd"


class Head(StrEnum):
    """Attention head (Eqn. 12): A1 = fc, A2 = fc + BN."""

    A1 = "a1"
    A2 = "a2"


class Excitation(StrEnum):
    """Channel attention that follows a normalization and leaves its affine part alone."""

    SE = "se"  # squeeze and excitation (Hu et al., 2018)


class Gate(StrEnum):
    """Activation of the attention weights."""

    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"
    HSIGMOID = "hsigmoid"


class AttentionInput(StrEnum):
    """What the attention looks at: the raw feature map, or the standardized one (footnote 2)."""

    RAW = "raw"
    STANDARDIZED = "standardized"


class Splits(StrEnum):
    """Which binary splits an OR node of an And-Or graph keeps; a split and its mirror image make the same parts."""

    ALL = "all"
    LEFT = "left"  # those whose left part is the narrower one
    RIGHT = "right"  # those whose right part is the narrower one


class Interpolation(StrEnum):
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


class Augment(StrEnum):
    """Training augmentation."""

    NONE = "none"
    SHIFT_FLIP = "shift_flip"  # random shift by up to 1/14 of the side, horizontal flip
    RESIZED_CROP = "random_resized_crop"  # the paper's: scale 0.08-1, ratio 3/4-4/3, horizontal flip


class Precision(StrEnum):
    FP32 = "fp32"
    FP64 = "fp64"  # for checks: two ways to compute one thing agree to 1e-10
    BF16 = "bf16"
    FP16 = "fp16"


class DataSource(StrEnum):
    FASHION_MNIST_SMALL = "fashion_mnist_small"
    SYNTHETIC = "synthetic"
    IMAGE_FOLDER = "image_folder"


class Own(StrEnum):
    """A part from the user's own package, found by an entry point (docs/your-own-part.md)."""

    PLUGIN = "plugin"


class Device(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """Bottlenecks and width of each stage; a stage puts out width times expansion."""

    family: Literal[Family.RESNET]
    blocks: tuple[int, ...]
    widths: tuple[int, ...]
    expansion: int
    stem_width: int

    @property
    def stages(self) -> int:
        """Number of stages, each with its own K."""
        return len(self.blocks)


@dataclass(frozen=True, kw_only=True)
class MobileNetV2Config:
    """Inverted residuals of each group: how many, channels put out, expansion, and the stride of the first."""

    family: Literal[Family.MOBILENET_V2]
    blocks: tuple[int, ...]
    widths: tuple[int, ...]
    expansions: tuple[int, ...]
    strides: tuple[int, ...]
    stem_width: int
    head_width: int
    dropout: float

    @property
    def stages(self) -> int:
        """Number of groups, each with its own K."""
        return len(self.blocks)


@dataclass(frozen=True, kw_only=True)
class AOGNetConfig:
    """And-Or blocks of each stage: how many, channels put out, and the graph inside.

    `grids` is the number of slots the channels are split into, `bottleneck` a node's middle channels as a part of those
    it puts out, `dropout` the probability of dropping a channel after a node's last normalization.
    """

    family: Literal[Family.AOGNET]
    blocks: tuple[int, ...]
    widths: tuple[int, ...]
    grids: tuple[int, ...]
    splits: tuple[Splits, ...]
    lateral: bool
    bottleneck: float
    dropout: tuple[float, ...]
    stem_width: int

    @property
    def stages(self) -> int:
        """Number of stages, each with its own K."""
        return len(self.blocks)


@dataclass(frozen=True, kw_only=True)
class PluginModelConfig:
    """A backbone from the user's package: an entry point of group `an_cli.models`, and what it is called with."""

    family: Literal[Own.PLUGIN]
    entry_point: str
    parameters: Mapping[str, Any]
    stages: int

    def __hash__(self) -> int:  # a mapping has none
        return hash((self.entry_point, *sorted(self.parameters)))


ModelConfig: TypeAlias = ResNetConfig | MobileNetV2Config | AOGNetConfig | PluginModelConfig


@dataclass(frozen=True, kw_only=True)
class AttentionConfig:
    """The attention that mixes K affine transformations (Eqn. 8-12)."""

    squeeze: Squeeze
    head: Head
    gate: Gate
    components: tuple[int, ...]
    input: AttentionInput
    eps: float


@dataclass(frozen=True, kw_only=True)
class SqueezeExciteConfig:
    """Channel attention after a normalization: its hidden layer has channels / reduction units."""

    head: Literal[Excitation.SE]
    reduction: int


@dataclass(frozen=True, kw_only=True)
class NormConfig:
    """Normalization = standardization + affine; `attention` makes the affine part attentive, or comes after it."""

    standardize: Standardize
    eps: float
    momentum: float | None
    groups: int | None
    placement: Placement | None
    attention: AttentionConfig | SqueezeExciteConfig | None


@dataclass(frozen=True, kw_only=True)
class PluginNormConfig:
    """A norm from the user's package: an entry point of group `an_cli.norms`, asked for every slot of a network."""

    standardize: Literal[Own.PLUGIN]
    entry_point: str
    parameters: Mapping[str, Any]

    def __hash__(self) -> int:  # a mapping has none
        return hash((self.entry_point, *sorted(self.parameters)))


Norm: TypeAlias = NormConfig | PluginNormConfig


@dataclass(frozen=True, kw_only=True)
class RecipeConfig:
    """How a network is trained (Section 4.2). `lr` is the peak, reached at the end of warm-up.

    `shortcut` is null where a family has no strided shortcut, `stem` where the network is the user's own.
    """

    stem: Stem | None
    shortcut: Shortcut | None
    zero_gamma: bool
    epochs: int
    warmup_epochs: int
    lr: float
    momentum: float
    nesterov: bool
    weight_decay: float
    weight_decay_on_norm: bool
    label_smoothing: float
    mixup_alpha: float
    augment: Augment
    interpolation: Interpolation
    replicas: int
    batch_per_replica: int
    precision: Precision
    loss_scale: float | None
    cpu_threads: int | None
    deterministic: bool


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """A data set and what the network sees of it. Sample counts are checked against what is found (null: take all)."""

    source: DataSource
    folder: str | None
    classes: int
    channels: int
    image_size: int
    resize: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train_samples: int | None
    eval_samples: int | None


@dataclass(frozen=True, kw_only=True)
class PluginDataConfig(DataConfig):
    """Data from the user's package: an entry point of group `an_cli.data`; `folder` and `resize` where it has any."""

    source: Literal[Own.PLUGIN]  # type: ignore[assignment] # the reader tells the two apart by this word
    entry_point: str
    parameters: Mapping[str, Any]

    def __hash__(self) -> int:  # a mapping has none
        return hash((self.entry_point, *sorted(self.parameters)))


Data: TypeAlias = DataConfig | PluginDataConfig


@dataclass(frozen=True, kw_only=True)
class CellConfig:
    """Everything that can change a number. Its id is a hash of its canonical JSON."""

    model: ModelConfig
    norm: Norm
    recipe: RecipeConfig
    data: Data
    detector: None
    seed: int
    # Left out of the JSON where null: cells of before tasks existed keep their ids.
    task: PluginTaskConfig | None = field(default=None, metadata={"omit_null": True})
