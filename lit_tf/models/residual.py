"""The parts that all CIFAR residual networks share: stem, sections, head."""

import re
from collections import abc
from collections.abc import Callable, Sequence

import keras

from lit_tf import errors, layers
from lit_tf.sections.sectioned_model import SectionedModel

# (tensor, output filters, stride, name) → tensor.
Block = Callable[[keras.KerasTensor, int, int, str], keras.KerasTensor]


def check_depth(depth: int, family: str, requirement: str) -> None:
    """Raises `SettingsError` unless a depth is 6n + 2, n ≥ 1.

    Args:
        depth: the depth to check.
        family: the name of the family, such as "resnet".
        requirement: the beginning of the message, which "6n + 2" continues.
    """
    if depth < 8 or (depth - 2) % 6:
        nearest = max(8, 6 * round((depth - 2) / 6) + 2)
        raise errors.SettingsError(
            f"{requirement} 6n + 2 (8, 14, 20, …). Received: {family}{depth}. "
            f"The nearest is {family}{nearest}."
        )


def blocks_per_section(depth: int) -> int:
    """Returns n of a depth 6n + 2: the number of blocks in each section."""
    return (depth - 2) // 6


def build(
    block: Block,
    depth: int,
    *,
    family: str,
    input_shape: Sequence[int],
    classes: int,
    mean: Sequence[float],
    std: Sequence[float],
    width: int,
    filters: int,
) -> SectionedModel:
    """Builds a network of 3 sections of n blocks each.

    Sections 2 and 3 begin with a block of stride 2. Convolutions are
    initialised with Kaiming normal (fan-out), the dense layer with uniform
    ±1/√fan-in.

    Args:
        block: function that adds a block to a graph.
        depth: depth of the model, 6n + 2, n ≥ 1.
        family: name of the family, with which the model's name begins.
        input_shape: (height, width, channels) of a raw image.
        classes: number of logits.
        mean: mean of each channel, in raw units; the stem normalizes with it.
        std: standard deviation of each channel, in raw units.
        width: filters of the stem.
        filters: filters of section 1's output; sections 2 and 3 have 2 and 4
            times as many at half and a quarter of the resolution.

    Returns:
        A model, raw images `[batch, height, width, channels]` → float32 logits
        `[batch, classes]`.
    """
    image = keras.Input(input_shape, name="image")
    x = layers.Normalize(mean, std, name="normalize")(image)
    x = norm(convolution(x, width, 3, "conv"), "norm")
    x = keras.layers.ReLU(name="relu")(x)
    stem = keras.Model(image, x, name="stem")

    sections = []
    for k in range(1, 4):
        start = x = keras.Input(x.shape[1:], name="representation")
        for j in range(1, blocks_per_section(depth) + 1):
            stride = 2 if k > 1 and j == 1 else 1
            x = block(x, filters * 2 ** (k - 1), stride, f"block_{j}")
        sections.append(keras.Model(start, x, name=f"section_{k}"))

    start = keras.Input(x.shape[1:], name="representation")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(start)
    x = keras.layers.Dense(
        classes,
        kernel_initializer=keras.initializers.VarianceScaling(
            1 / 3, "fan_in", "uniform"
        ),
        name="dense",
    )(x)
    head = keras.Model(start, layers.Float32(name="logits")(x), name="head")
    return SectionedModel(
        stem, sections, head, name=f"{family}{depth}", depth=depth
    )


def convolution(
    x: keras.KerasTensor,
    filters: int,
    size: int,
    name: str,
    stride: int = 1,
    groups: int = 1,
) -> keras.KerasTensor:
    """Adds a convolution without bias, padded as in PyTorch.

    A strided convolution pads both sides, as the published weights require;
    "same" pads only the end.

    Args:
        x: tensor `[batch, height, width, channels]`.
        filters: number of output channels.
        size: side of the kernel.
        name: name of the layer.
        stride: stride in both directions; 1 by default.
        groups: number of groups; 1 by default.
    """
    if stride > 1 and size > 1:
        x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    layer = layers.GroupedConv2D if groups > 1 else keras.layers.Conv2D
    return layer(
        filters,
        size,
        stride,
        padding="same" if stride == 1 else "valid",
        groups=groups,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, "fan_out", "untruncated_normal"
        ),
        name=name,
    )(x)


def norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Adds a BatchNorm with the momentum and epsilon of the published code."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def depth_from_torch(
    names: abc.Set[str], *, block: str, ends: abc.Set[str]
) -> int | None:
    """Returns the depth of a network of 3 sections with these published names.

    Args:
        names: names of weights.
        block: a regular expression of one weight of each block, with the
            numbers of the section, from 1, and of the block, from 0.
        ends: the names of weights of stem and head.

    Returns:
        6 n + 2 for n blocks of two convolutions in each section; None for other
        names.
    """
    blocks = {
        tuple(map(int, match.groups()))
        for name in names
        if (match := re.match(block, name))
    }
    n = len(blocks) // 3
    if not n or blocks != {(k, j) for k in (1, 2, 3) for j in range(n)}:
        return None
    return 6 * n + 2 if ends <= names else None
