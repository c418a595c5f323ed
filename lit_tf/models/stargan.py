"""StarGAN (Choi et al., 2018): the generator and its discriminator."""

import re
from collections import abc
from collections.abc import Sequence

import keras

from lit_tf import errors, layers
from lit_tf.models import torch_weights
from lit_tf.models.family import Family
from lit_tf.sections.sectioned_model import SectionedModel

_ENDS = 6  # Convolutions of stem and head.


def check_depth(depth: int) -> None:
    """Raises `SettingsError` unless the depth is 6 + 2n, n ≥ 1 blocks."""
    if depth < _ENDS + 2 or depth % 2:
        nearest = max(_ENDS + 2, depth + depth % 2)
        raise errors.SettingsError(
            "A StarGAN generator's depth must be 6 + 2n (8, 10, 12, …). "
            f"Received: stargan{depth}. The nearest is stargan{nearest}."
        )


def build(
    depth: int,
    *,
    input_shape: Sequence[int],
    classes: int,
    attributes: Sequence[str],
    width: int = 64,
) -> SectionedModel:
    """Builds a generator with one section, the bottleneck of n residual blocks.

    The depth counts convolutions: three of the stem, which halve the image
    twice, two of each residual block, and three of the head, which double it
    twice. Each convolution except the last is followed by instance
    normalization, with the statistics of the image itself also at inference.
    A ReLU follows, except after the second convolution of a block. Kernels are
    initialised with uniform ±1/√fan-in, as in PyTorch.

    Args:
        depth: depth of the model, 6 + 2n, n ≥ 1.
        input_shape: (height, width, 3) of an image; height and width are
            multiples of 4.
        classes: number of attributes.
        attributes: names of the attributes, in order.
        width: filters of the first convolution; the bottleneck has 4 times as
            many at a quarter of the resolution.

    Returns:
        A model of two inputs, [images in [−1, 1] `[batch, height, width,
        channels]`, target attributes of 0 and 1 `[batch, attributes]`] →
        images of the same shape in [−1, 1], float32.

    Raises:
        SettingsError: if the depth is not 6 + 2n, or a side of the image is not
            a multiple of 4.
    """
    check_depth(depth)
    height, across, channels = input_shape
    errors.require(
        height % 4 == 0 == across % 4,
        "The sides of a StarGAN's images must be multiples of 4.",
        input_shape=tuple(input_shape),
    )
    image = keras.Input(input_shape, name="image")
    target = keras.Input((classes,), name="target")
    x = layers.Attributes(attributes, name="attributes")([image, target])
    x = _normalized(_conv(x, width, 7, 1, "conv_1"), "norm_1")
    x = _normalized(_conv(x, 2 * width, 4, 2, "conv_2"), "norm_2")
    x = _normalized(_conv(x, 4 * width, 4, 2, "conv_3"), "norm_3")
    stem = keras.Model([image, target], x, name="stem")

    start = x = keras.Input(x.shape[1:], name="representation")
    for j in range(1, (depth - _ENDS) // 2 + 1):
        x = _block(x, f"block_{j}")
    section = keras.Model(start, x, name="section_1")

    start = keras.Input(x.shape[1:], name="representation")
    x = _normalized(_transposed(start, 2 * width, "conv_1"), "norm_1")
    x = _normalized(_transposed(x, width, "conv_2"), "norm_2")
    x = _conv(x, channels, 7, 1, "conv_3")
    x = layers.Float32("tanh", name="image")(x)
    head = keras.Model(start, x, name="head")
    return SectionedModel(
        stem, [section], head, name=f"stargan{depth}", depth=depth
    )


@layers.pinned("float32")
def discriminator(
    *,
    input_shape: Sequence[int],
    classes: int,
    width: int = 64,
    depth: int = 6,
) -> keras.Model:
    """Builds the discriminator, which rates patches and predicts attributes.

    It is a PatchGAN without normalization, because the gradient penalty needs
    examples that do not depend on each other. It computes in float32 under any
    policy: the gradient of its gradient would overflow in half precision.

    Args:
        input_shape: (height, width, 3) of an image; height and width are
            multiples of 2^depth.
        classes: number of attributes.
        width: filters of the first convolution; each later one doubles them.
        depth: number of convolutions that halve the image.

    Returns:
        A model, images in [−1, 1] `[batch, height, width, channels]` →
        [sources `[batch, height/2^depth, width/2^depth, 1]`, larger where a
        patch is real; logits of the attributes `[batch, attributes]`].

    Raises:
        SettingsError: if a side of the image is not a multiple of 2^depth.
    """
    height, across, _ = input_shape
    errors.require(
        height % 2**depth == 0 == across % 2**depth,
        "`discriminator_depth` is the number of times that the discriminator "
        f"halves an image. An image of {height}×{across} can be halved at most "
        f"{_halvings(height, across)} times.",
        discriminator_depth=depth,
    )
    image = x = keras.Input(input_shape, name="image", dtype="float32")
    for i in range(depth):
        x = _conv(
            x, width * 2**i, 4, 2, f"conv_{i + 1}", bias=True, dtype="float32"
        )
        x = keras.layers.LeakyReLU(0.01, dtype="float32", name=f"relu_{i + 1}")(
            x
        )
    sources = _conv(x, 1, 3, 1, "sources", dtype="float32")
    logits = keras.layers.Conv2D(
        classes,
        x.shape[1:3],
        use_bias=False,
        kernel_initializer=_uniform(),
        dtype="float32",
        name="classes",
    )(x)
    logits = keras.layers.Flatten(dtype="float32", name="logits")(logits)
    return keras.Model(image, [sources, logits], name="discriminator")


def torch_variables(model: SectionedModel) -> dict[str, keras.Variable]:
    """Returns the variables of a generator by their published PyTorch names.

    The names are `downsampling_layers.0`, `.1` (its norm), `.3`, `.4`, `.6`,
    `.7`; `bottleneck_section1.J.main.0`, `.1`, `.3`, `.4` (block J counts from
    0); and `upsampling_layers.0`, `.1`, `.3`, `.4`, `.6`.
    """
    named = {}
    for part, prefix in (
        (model.stem, "downsampling_layers"),
        (model.head, "upsampling_layers"),
    ):
        for i in (1, 2, 3):
            named[f"{prefix}.{3 * (i - 1)}"] = part.get_layer(f"conv_{i}")
            if i < 3 or part is model.stem:
                named[f"{prefix}.{3 * i - 2}"] = part.get_layer(f"norm_{i}")
    (section,) = model.sections
    for j in range((model.depth - _ENDS) // 2):
        block, prefix = f"block_{j + 1}", f"bottleneck_section1.{j}.main"
        for i, number in ((1, 0), (2, 3)):
            conv = section.get_layer(f"{block}_conv_{i}")
            norm = section.get_layer(f"{block}_norm_{i}")
            named[f"{prefix}.{number}"] = conv
            named[f"{prefix}.{number + 1}"] = norm
    return torch_weights.named(named)


def depth_from_torch(names: abc.Set[str]) -> int | None:
    """Returns the depth of the generator with these names, or None."""
    blocks = {
        int(match[1])
        for name in names
        if (
            match := re.match(
                r"bottleneck_section1\.(\d+)\.main\.0\.weight$", name
            )
        )
    }
    ends = {"downsampling_layers.0.weight", "upsampling_layers.6.weight"}
    if not blocks or blocks != set(range(len(blocks))) or not ends <= names:
        return None
    return _ENDS + 2 * len(blocks)


def _halvings(*sides):
    """Returns how often all sides can be halved."""
    return min((side & -side).bit_length() - 1 for side in sides)


def _block(x, name):
    shortcut, filters = x, x.shape[-1]
    x = _normalized(_conv(x, filters, 3, 1, f"{name}_conv_1"), f"{name}_norm_1")
    x = _norm(_conv(x, filters, 3, 1, f"{name}_conv_2"), f"{name}_norm_2")
    return keras.layers.Add(name=f"{name}_add")([x, shortcut])


def _conv(x, filters, size, stride, name, *, bias=False, dtype=None):
    # If the stride divides the sides, "same" pads as the published code does.
    return keras.layers.Conv2D(
        filters,
        size,
        stride,
        padding="same",
        use_bias=bias,
        kernel_initializer=_uniform(),
        dtype=dtype,
        name=name,
    )(x)


def _transposed(x, filters, name):
    return keras.layers.Conv2DTranspose(
        filters,
        4,
        2,
        padding="same",
        use_bias=False,
        kernel_initializer=_uniform(),
        name=name,
    )(x)


def _norm(x, name):
    return keras.layers.GroupNormalization(groups=-1, epsilon=1e-5, name=name)(
        x
    )


def _normalized(x, name):
    return keras.layers.ReLU(name=name.replace("norm", "relu"))(_norm(x, name))


def _uniform():
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


FAMILY = Family(
    name="stargan",
    build=build,
    check_depth=check_depth,
    depths=(10, 18),
    default_depth=18,
    stem_arguments=("attributes",),
    torch_variables=torch_variables,
    depth_from_torch=depth_from_torch,
    # Instance normalization does not use the moving statistics in these files.
    unused_in_torch=("running_mean", "running_var"),
)
