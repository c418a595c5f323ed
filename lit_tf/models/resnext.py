"""The CIFAR ResNeXts (Xie et al., 2017), by the depth of the similar ResNet.

A ResNet of 6n + 2 layers has n blocks in each section, with two convolutions in
each block. The ResNeXt of the same name has as many blocks, with three
convolutions in each: its longest chain is 9n + 2 layers. The LIT paper names
its ResNeXts 20, 32, 44, 56 and 110; of these only 20 and 56 are of the form
9n + 2.
"""

import functools
from collections import abc
from collections.abc import Sequence

import keras

from lit_tf import errors
from lit_tf.models import residual, torch_weights
from lit_tf.models.family import Family
from lit_tf.sections.sectioned_model import SectionedModel

# Published name of a layer in a block → the name in our block.
_LAYERS = {
    "conv_reduce": "reduce",
    "bn_reduce": "reduce_norm",
    "conv_conv": "conv",
    "bn": "norm",
    "conv_expand": "expand",
    "bn_expand": "expand_norm",
}
_SHORTCUT = {
    "shortcut.shortcut_conv": "shortcut",
    "shortcut.shortcut_bn": "shortcut_norm",
}


def check_depth(depth: int) -> None:
    """Raises `SettingsError` unless the depth in the name is 6n + 2, n ≥ 1."""
    residual.check_depth(
        depth,
        "resnext",
        "A ResNeXt has the name of the ResNet with as many blocks, whose depth "
        "is",
    )


def build(
    depth: int,
    *,
    input_shape: Sequence[int],
    classes: int,
    mean: Sequence[float],
    std: Sequence[float],
    width: int = 16,
    cardinality: int = 8,
) -> SectionedModel:
    """Builds a ResNeXt of 3 sections of n bottleneck blocks each.

    A block consists of a 1×1 convolution to half the output channels, a grouped
    3×3 convolution (of stride 2 at the beginning of sections 2 and 3) and a 1×1
    convolution to the output channels. BatchNorm follows each convolution, a
    ReLU the first two and the sum. This is 8×4d in the template of the ResNeXt
    paper, where 32×4d also reduces to half. Where the shape changes, the
    shortcut is a 1×1 convolution with BatchNorm (option B), as in that paper
    and its published code.

    The LIT paper states neither width nor cardinality. With the defaults here,
    a ResNeXt costs about as much as the ResNet of the same name, and its stem
    is as narrow. Trained parameters for 10 classes, and the longest chain of
    layers:

    | resnext | 20 | 32 | 44 | 56 | 110 |
    |---|---|---|---|---|---|
    | parameters | 359,898 | 583,898 | 807,898 | 1,031,898 | 2,039,898 |
    | MFLOPs of a 32×32 image | 113 | 178 | 242 | 307 | 597 |
    | layers | 29 | 47 | 65 | 83 | 164 |

    Convolutions are initialised with Kaiming normal (fan-out of a group), the
    dense layer with uniform ±1/√fan-in.

    Args:
        depth: depth in the name, 6n + 2, n ≥ 1; also the depth that the model
            states.
        input_shape: (height, width, channels) of a raw image.
        classes: number of logits.
        mean: mean of each channel, in raw units; the stem normalizes with it.
        std: standard deviation of each channel, in raw units.
        width: filters of the stem. In section 1 the grouped convolutions have
            2 × `width` filters and the blocks' outputs 4 × `width`; sections 2
            and 3 double both at half and a quarter of the resolution.
        cardinality: number of groups of each 3×3 convolution.

    Returns:
        A model, raw images `[batch, height, width, channels]` → float32 logits
        `[batch, classes]`.

    Raises:
        SettingsError: if the depth is not 6n + 2, or `cardinality` does not
            divide 2 × `width`.
    """
    check_depth(depth)
    errors.require(
        2 * width % cardinality == 0,
        "`cardinality` must divide the filters of a ResNeXt's grouped "
        "convolutions, 2 × `width`.",
        cardinality=cardinality,
        width=width,
    )
    return residual.build(
        functools.partial(_block, cardinality),
        depth,
        family="resnext",
        input_shape=input_shape,
        classes=classes,
        mean=mean,
        std=std,
        width=width,
        filters=4 * width,
    )


def torch_variables(model: SectionedModel) -> dict[str, keras.Variable]:
    """Returns the variables of a ResNeXt by their published PyTorch names.

    The names are `conv_1_3x3`, `bn_1`,
    `stage_K.stage_K_bottleneck_J.conv_reduce`, `….bn_reduce`, `….conv_conv`,
    `….bn`, `….conv_expand`, `….bn_expand`, `….shortcut.shortcut_conv`,
    `….shortcut.shortcut_bn` (section K counts from 1, block J from 0) and
    `classifier`, as in prlz77/ResNeXt.pytorch and in
    bearpaw/pytorch-classification.
    """
    named = {
        "conv_1_3x3": model.stem.get_layer("conv"),
        "bn_1": model.stem.get_layer("norm"),
    }
    for k, section in enumerate(model.sections, 1):
        for j in range(residual.blocks_per_section(model.depth)):
            prefix = f"stage_{k}.stage_{k}_bottleneck_{j}"
            names = _LAYERS if j else _LAYERS | _SHORTCUT
            for torch_name, name in names.items():
                layer = section.get_layer(f"block_{j + 1}_{name}")
                named[f"{prefix}.{torch_name}"] = layer
    named["classifier"] = model.head.get_layer("dense")
    return torch_weights.named(named)


def depth_from_torch(names: abc.Set[str]) -> int | None:
    """Returns the depth of the ResNeXt with these published names, or None."""
    return residual.depth_from_torch(
        names,
        block=r"stage_(\d+)\.stage_\1_bottleneck_(\d+)\.conv_conv\.weight$",
        ends={"conv_1_3x3.weight", "classifier.weight", "classifier.bias"},
    )


def _block(cardinality, x, filters, stride, name):
    def normalized(x, filters, size, layer, *settings):
        x = residual.convolution(x, filters, size, f"{name}_{layer}", *settings)
        norm = "norm" if layer == "conv" else f"{layer}_norm"
        return residual.norm(x, f"{name}_{norm}")

    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = normalized(x, filters, 1, "shortcut", stride)
    x = normalized(x, filters // 2, 1, "reduce")
    x = keras.layers.ReLU(name=f"{name}_relu_1")(x)
    x = normalized(x, filters // 2, 3, "conv", stride, cardinality)
    x = keras.layers.ReLU(name=f"{name}_relu_2")(x)
    x = normalized(x, filters, 1, "expand")
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu_3")(x)


FAMILY = Family(
    name="resnext",
    build=build,
    check_depth=check_depth,
    depths=(8, 14, 20, 32, 44, 56, 110),
    default_depth=110,
    stem_arguments=("mean", "std"),
    torch_variables=torch_variables,
    depth_from_torch=depth_from_torch,
)
