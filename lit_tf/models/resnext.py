"""The CIFAR ResNeXts (Xie et al., 2017), named after ResNets of as many blocks.

A ResNet of 6n + 2 layers has n blocks a section, of two convolutions each. So
has the ResNeXt of that name here, but of three: its longest chain is 9n + 2
layers. LIT's paper calls its ResNeXts 20, 32, 44, 56 and 110, and none but 20
and 56 could be a 9n + 2.
"""

import functools
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import keras

from lit_tf import errors
from lit_tf.models import residual, torch_weights
from lit_tf.sections.sectioned_model import SectionedModel

STEM = ("mean", "std")
VARIANTS = {}
PAPER = 110
UNREAD = ()
NAMES = tuple(f"resnext{d}" for d in (8, 14, 20, 32, 44, 56, 110))
# Published name of a block's layer → ours.
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


def check(depth: int) -> None:
    """Raises `SettingsError` unless the name's depth is 6n + 2, n ≥ 1."""
    residual.check(
        depth,
        "resnext",
        "A ResNeXt is named after the ResNet of as many blocks, of depth",
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

    A block reduces to half its output's channels (1×1), convolves these in
    groups (3×3; with stride 2 where sections 2 and 3 begin) and expands (1×1),
    with BatchNorm after each and a ReLU after the first two and after the sum.
    That is the 8×4d of the ResNeXt paper's template, whose 32×4d reduces to
    half too. Where the shape changes, the shortcut is a 1×1 convolution with
    BatchNorm (option B), as in that paper and its published code.

    LIT's paper gives neither width nor cardinality. With these a ResNeXt costs
    about what the ResNet of its name does, and has as narrow a base. Trained
    parameters for 10 classes, and the longest chain of layers:

    | resnext | 20 | 32 | 44 | 56 | 110 |
    |---|---|---|---|---|---|
    | parameters | 359,898 | 583,898 | 807,898 | 1,031,898 | 2,039,898 |
    | MFLOPs of a 32×32 image | 113 | 178 | 242 | 307 | 597 |
    | layers | 29 | 47 | 65 | 83 | 164 |

    Convolutions start from Kaiming normal (fan-out, of a group), the dense
    layer from uniform ±1/√fan-in.

    Args:
        depth: the name's, 6n + 2, n ≥ 1; what the model states.
        input_shape: (height, width, channels) of a raw image.
        classes: the number of logits.
        mean: of each channel, in raw units; the stem normalises with it.
        std: of each channel, in raw units.
        width: filters of the stem. A block of section 1 puts out 4 times as
            many, and twice as many are convolved in groups; sections 2 and 3
            double both at half and a quarter of the resolution.
        cardinality: groups of each 3×3 convolution.

    Returns:
        A model, raw images `[batch, height, width, channels]` → float32 logits
        `[batch, classes]`.

    Raises:
        SettingsError: the depth is not 6n + 2, or groups would be uneven.
    """
    check(depth)
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


def published(model: SectionedModel) -> dict[str, keras.Variable]:
    """Returns a ResNeXt's variables by the names of the usual PyTorch code.

    They are `conv_1_3x3`, `bn_1`, `stage_K.stage_K_bottleneck_J.conv_reduce`,
    `….bn_reduce`, `….conv_conv`, `….bn`, `….conv_expand`, `….bn_expand`,
    `….shortcut.shortcut_conv`, `….shortcut.shortcut_bn` (section K counts from
    1, block J from 0) and `classifier`: those of prlz77/ResNeXt.pytorch, which
    bearpaw/pytorch-classification took over.
    """
    found = {
        "conv_1_3x3": model.stem.get_layer("conv"),
        "bn_1": model.stem.get_layer("norm"),
    }
    for k, section in enumerate(model.sections, 1):
        for j in range(residual.blocks(model.depth)):
            names = _LAYERS if j else _LAYERS | _SHORTCUT
            for theirs, ours in names.items():
                layer = section.get_layer(f"block_{j + 1}_{ours}")
                found[f"stage_{k}.stage_{k}_bottleneck_{j}.{theirs}"] = layer
    found["classifier"] = model.head.get_layer("dense")
    return torch_weights.named(found)


def recognized(names: AbstractSet[str]) -> int | None:
    """Returns the depth that published names tell, None if of no ResNeXt."""
    pattern = r"stage_(\d+)\.stage_\1_bottleneck_(\d+)\.conv_conv\.weight$"
    blocks = {
        tuple(map(int, match.groups()))
        for name in names
        if (match := re.match(pattern, name))
    }
    n = len(blocks) // 3
    if not n or blocks != {(k, j) for k in (1, 2, 3) for j in range(n)}:
        return None
    ends = {"conv_1_3x3.weight", "classifier.weight", "classifier.bias"}
    return 6 * n + 2 if ends <= names else None


def _block(cardinality, x, filters, stride, name):
    def normalized(x, filters, size, layer, *how):
        x = residual.convolution(x, filters, size, f"{name}_{layer}", *how)
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
