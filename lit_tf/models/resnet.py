"""The CIFAR ResNets (He et al., 2016, section 4.2): 6n + 2 layers."""

from collections import abc
from collections.abc import Sequence

import keras

from lit_tf import layers
from lit_tf.models import residual, torch_weights
from lit_tf.models.family import Family
from lit_tf.sections.sectioned_model import SectionedModel


def check_depth(depth: int) -> None:
    """Raises `SettingsError` unless the depth is 6n + 2, n ≥ 1."""
    residual.check_depth(depth, "resnet", "A ResNet's depth must be")


def build(
    depth: int,
    *,
    input_shape: Sequence[int],
    classes: int,
    mean: Sequence[float],
    std: Sequence[float],
    width: int = 16,
) -> SectionedModel:
    """Builds a ResNet of 3 sections of n basic blocks each.

    The depth counts convolutions and the dense layer. Shortcuts are option A of
    the paper, without weights. Convolutions of stride 2 pad one pixel on both
    sides, as in the published code; "same" would pad one side. Convolutions are
    initialised with Kaiming normal (fan-out), the dense layer with uniform
    ±1/√fan-in.

    Args:
        depth: depth of the model, 6n + 2, n ≥ 1.
        input_shape: (height, width, channels) of a raw image.
        classes: number of logits.
        mean: mean of each channel, in raw units; the stem normalizes with it.
        std: standard deviation of each channel, in raw units.
        width: filters of section 1; sections 2 and 3 have 2 and 4 times as many
            at half and a quarter of the resolution.

    Returns:
        A model, raw images `[batch, height, width, channels]` → float32 logits
        `[batch, classes]`.

    Raises:
        SettingsError: if the depth is not 6n + 2.
    """
    check_depth(depth)
    return residual.build(
        _block,
        depth,
        family="resnet",
        input_shape=input_shape,
        classes=classes,
        mean=mean,
        std=std,
        width=width,
        filters=width,
    )


def torch_variables(model: SectionedModel) -> dict[str, keras.Variable]:
    """Returns the variables of a ResNet by their published PyTorch names.

    The names are `conv1`, `bn1`, `layerK.J.conv1`, `layerK.J.bn1`,
    `layerK.J.conv2`, `layerK.J.bn2` (section K counts from 1, block J from 0)
    and `linear`.
    """
    named = {
        "conv1": model.stem.get_layer("conv"),
        "bn1": model.stem.get_layer("norm"),
    }
    for k, section in enumerate(model.sections, 1):
        for j in range(residual.blocks_per_section(model.depth)):
            for i in (1, 2):
                for torch_name, name in (("conv", "conv"), ("bn", "norm")):
                    layer = section.get_layer(f"block_{j + 1}_{name}_{i}")
                    named[f"layer{k}.{j}.{torch_name}{i}"] = layer
    named["linear"] = model.head.get_layer("dense")
    return torch_weights.named(named)


def depth_from_torch(names: abc.Set[str]) -> int | None:
    """Returns the depth of the ResNet with these published names, or None."""
    return residual.depth_from_torch(
        names,
        block=r"layer(\d+)\.(\d+)\.conv1\.weight$",
        ends={"conv1.weight", "linear.weight"},
    )


def _block(x, filters, stride, name):
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = layers.PadShortcut(filters, stride, name=f"{name}_shortcut")(
            x
        )
    x = residual.convolution(x, filters, 3, f"{name}_conv_1", stride)
    x = residual.norm(x, f"{name}_norm_1")
    x = keras.layers.ReLU(name=f"{name}_relu_1")(x)
    x = residual.convolution(x, filters, 3, f"{name}_conv_2")
    x = residual.norm(x, f"{name}_norm_2")
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu_2")(x)


FAMILY = Family(
    name="resnet",
    build=build,
    check_depth=check_depth,
    depths=(8, 14, 20, 32, 44, 56, 110, 1202),
    default_depth=110,
    stem_arguments=("mean", "std"),
    torch_variables=torch_variables,
    depth_from_torch=depth_from_torch,
)
