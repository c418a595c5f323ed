"""What the CIFAR residual networks share: all but their blocks."""

from collections.abc import Callable, Sequence

import keras

from lit_tf import errors, layers
from lit_tf.sections.sectioned_model import SectionedModel

# (tensor, filters that it puts out, stride, name) → tensor.
Block = Callable[[keras.KerasTensor, int, int, str], keras.KerasTensor]


def check(depth: int, family: str, word: str) -> None:
    """Raises `SettingsError` unless a depth is 6n + 2, n ≥ 1.

    Args:
        depth: that is asked for.
        family: such as "resnet".
        word: what such a depth must be, for the message.
    """
    if depth < 8 or (depth - 2) % 6:
        near = max(8, 6 * round((depth - 2) / 6) + 2)
        raise errors.SettingsError(
            f"{word} 6n + 2 (8, 14, 20, …). Received: {family}{depth}. The "
            f"nearest is {family}{near}."
        )


def blocks(depth: int) -> int:
    """Returns how many blocks a section has, n of 6n + 2."""
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

    Sections 2 and 3 begin with a block of stride 2. Convolutions start from
    Kaiming normal (fan-out), the dense layer from uniform ±1/√fan-in.

    Args:
        block: adds a block to a graph.
        depth: 6n + 2, n ≥ 1.
        family: with which the model's name begins.
        input_shape: (height, width, channels) of a raw image.
        classes: the number of logits.
        mean: of each channel, in raw units; the stem normalises with it.
        std: of each channel, in raw units.
        width: filters of the stem.
        filters: of section 1's output; sections 2 and 3 have 2 and 4 times as
            many at half and a quarter of the resolution.

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
        for j in range(1, blocks(depth) + 1):
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
    """Adds a convolution without bias, centred on what its stride keeps.

    With a stride it pads on both sides, as the published weights want it and
    "same" would not.
    """
    if stride > 1 and size > 1:
        x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    kind = layers.GroupedConv2D if groups > 1 else keras.layers.Conv2D
    return kind(
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
    """Adds a BatchNorm, with the published weights' momentum and epsilon."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)
