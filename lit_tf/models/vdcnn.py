"""The very deep CNNs on the characters of texts (Conneau et al., 2017)."""

import re
from collections import abc
from collections.abc import Iterable, Sequence

import keras

from lit_tf import errors, layers
from lit_tf.models import residual, torch_weights
from lit_tf.models.family import Family
from lit_tf.sections.sectioned_model import SectionedModel

# Depth → blocks of each section. A block has two convolutions, the stem one.
_BLOCKS = {
    9: (1, 1, 1, 1),
    17: (2, 2, 2, 2),
    29: (5, 5, 2, 2),
    49: (8, 8, 5, 3),
}
_DOWNSAMPLINGS = ("maxpool", "conv", "kmaxpool")


def check_depth(depth: int) -> None:
    """Raises `SettingsError` unless the paper has a VDCNN of this depth."""
    if depth not in _BLOCKS:
        nearest = min(_BLOCKS, key=lambda known: abs(known - depth))
        raise errors.SettingsError(
            "A VDCNN's depth must be one of "
            f"{', '.join(map(str, _BLOCKS))}. Received: vdcnn{depth}. The "
            f"nearest is vdcnn{nearest}."
        )


def build(
    depth: int,
    *,
    input_shape: Sequence[int],
    classes: int,
    alphabet: str,
    downsampling: str = "maxpool",
    shortcut: bool = False,
    blocks: Sequence[int] = (),
    width: int = 64,
    filters: Sequence[int] = (),
    embedding: int = 16,
    hidden: int = 2048,
    k: int = 8,
) -> SectionedModel:
    """Builds a VDCNN of 4 sections of convolutional blocks.

    The depth counts convolutions along the text. Sections 2 to 4 begin by
    halving the text, in one of the three ways of the paper: max-pooling over 3
    characters, a first convolution of stride 2, or k-max pooling to half the
    length. Convolutions and max-pooling pad one character on both sides, as in
    the published code. A shortcut is option A of the ResNets: it subsamples,
    pads channels with zeros and has no weights.

    Embeddings are initialised with a normal distribution, convolutions with
    Kaiming normal (fan-in), dense kernels with uniform ±1/√fan-in.

    Args:
        depth: depth of the model: 9, 17, 29 or 49, or any if `blocks` is given.
        input_shape: (length,) of an encoded text.
        classes: number of logits.
        alphabet: characters that have codes of their own.
        downsampling: "maxpool", "conv" or "kmaxpool".
        shortcut: whether each block adds its input to its output.
        blocks: number of blocks of each section; by default that of the depth.
        width: filters of the stem and section 1; each later section has twice
            as many.
        filters: filters of each section; by default from `width`.
        embedding: size of the embedding of a character.
        hidden: units of the two dense layers before the last.
        k: values of each channel that the k-max pooling of the head keeps.

    Returns:
        A model, codes `[batch, length]` → float32 logits `[batch, classes]`.

    Raises:
        SettingsError: if the depth or the downsampling is unknown, or the texts
            are too short.
    """
    if not blocks:
        check_depth(depth)
        blocks = _BLOCKS[depth]
    filters = filters or [width * 2**i for i in range(len(blocks))]
    errors.require(
        downsampling in _DOWNSAMPLINGS,
        f"`downsampling` must be one of {', '.join(_DOWNSAMPLINGS)}.",
        downsampling=downsampling,
    )
    (length,) = input_shape
    # The shortest text that leaves k values; each halving rounds up.
    shortest = (k - 1) * 2 ** (len(blocks) - 1) + 1
    errors.require(
        length >= shortest,
        f"`text_length` must be ≥ {shortest} for this VDCNN, which halves a "
        f"text {len(blocks) - 1} times and then keeps {k} values per channel.",
        text_length=length,
    )
    codes = keras.Input(input_shape, dtype="int32", name="codes")
    x = layers.Characters(alphabet, length, name="characters")(codes)
    x = keras.layers.Embedding(
        len(alphabet) + 2,
        embedding,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
        name="embedding",
    )(x)
    stem = keras.Model(codes, _conv(x, filters[0], 1, "conv"), name="stem")

    sections = []
    for number, (size, width) in enumerate(zip(blocks, filters, strict=True)):
        previous = sections[-1] if sections else stem
        start = x = keras.Input(
            previous.output_shape[1:], name="representation"
        )
        for j in range(size):
            halving = downsampling if number and not j else ""
            x = _block(x, width, halving, shortcut, f"block_{j + 1}")
        sections.append(keras.Model(start, x, name=f"section_{number + 1}"))

    start = keras.Input(sections[-1].output_shape[1:], name="representation")
    x = layers.KMaxPool(k, name="k_max")(start)
    # The published dense kernel expects one channel after another.
    x = keras.layers.Permute((2, 1), name="by_channel")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for i in (1, 2):
        x = _dense(x, hidden, f"dense_{i}", activation="relu")
    x = _dense(x, classes, "dense_3")
    head = keras.Model(start, layers.Float32(name="logits")(x), name="head")
    return SectionedModel(
        stem, sections, head, name=f"vdcnn{depth}", depth=depth
    )


def torch_variables(model: SectionedModel) -> dict[str, keras.Variable]:
    """Returns the variables of a VDCNN by their published PyTorch names.

    The names are `character_embedding`, `conv1`,
    `sections.section_K.block_J.conv1`, `….bn1`, `….conv2`, `….bn2` (section and
    block count from 0), and `fc1`, `fc2`, `fc3`.
    """
    named = {
        "character_embedding": model.stem.get_layer("embedding"),
        "conv1": model.stem.get_layer("conv"),
    }
    for k, section in enumerate(model.sections):
        names = {layer.name for layer in section.layers}
        j = 0
        while f"block_{j + 1}_conv_1" in names:
            prefix = f"sections.section_{k}.block_{j}"
            for i in (1, 2):
                for torch_name, name in (("conv", "conv"), ("bn", "norm")):
                    layer = section.get_layer(f"block_{j + 1}_{name}_{i}")
                    named[f"{prefix}.{torch_name}{i}"] = layer
            j += 1
    for i in (1, 2, 3):
        named[f"fc{i}"] = model.head.get_layer(f"dense_{i}")
    return torch_weights.named(named)


def depth_from_torch(names: abc.Set[str]) -> int | None:
    """Returns the depth of the VDCNN with these published names, or None."""
    blocks = blocks_from_torch(names)
    return next((d for d, known in _BLOCKS.items() if known == blocks), None)


def blocks_from_torch(names: Iterable[str]) -> tuple[int, ...]:
    """Returns the number of blocks in each section, from published names.

    Args:
        names: names of the arrays in a file of weights.

    Returns:
        One number for each section, of a VDCNN of any depth; () if the names
        are not those of a VDCNN.
    """
    names = set(names)
    pattern = r"sections\.section_(\d+)\.block_(\d+)\.conv1\.weight"
    matches = (re.fullmatch(pattern, name) for name in names)
    found = {tuple(map(int, match.groups())) for match in matches if match}
    counts = [sum(k == section for k, _ in found) for section in range(4)]
    whole = {(k, j) for k, count in enumerate(counts) for j in range(count)}
    ends = {"character_embedding.weight", "conv1.weight", "fc3.bias"}
    return tuple(counts) if found == whole and ends <= names else ()


def _block(x, filters, downsampling, shortcut, name):
    skipped = x
    if downsampling == "maxpool":
        # The input comes from a ReLU, so zeros do not change a maximum.
        x = keras.layers.ZeroPadding1D(1, name=f"{name}_pool_pad")(x)
        x = keras.layers.MaxPooling1D(3, 2, name=f"{name}_pool")(x)
    elif downsampling == "kmaxpool":
        x = layers.KMaxPool(-(-x.shape[1] // 2), name=f"{name}_pool")(x)
    x = _conv(x, filters, 2 if downsampling == "conv" else 1, f"{name}_conv_1")
    x = residual.norm(x, f"{name}_norm_1")
    x = keras.layers.ReLU(name=f"{name}_relu_1")(x)
    x = _conv(x, filters, 1, f"{name}_conv_2")
    x = residual.norm(x, f"{name}_norm_2")
    if shortcut:
        if downsampling or skipped.shape[-1] != filters:
            skipped = layers.PadShortcut(
                filters, 2 if downsampling else 1, name=f"{name}_shortcut"
            )(skipped)
        x = keras.layers.Add(name=f"{name}_add")([x, skipped])
    return keras.layers.ReLU(name=f"{name}_relu_2")(x)


def _conv(x, filters, stride, name):
    if stride > 1:
        x = keras.layers.ZeroPadding1D(1, name=f"{name}_pad")(x)
    return keras.layers.Conv1D(
        filters,
        3,
        stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, "fan_in", "untruncated_normal"
        ),
        name=name,
    )(x)


def _dense(x, units, name, activation=None):
    return keras.layers.Dense(
        units,
        activation,
        kernel_initializer=keras.initializers.VarianceScaling(
            1 / 3, "fan_in", "uniform"
        ),
        name=name,
    )(x)


FAMILY = Family(
    name="vdcnn",
    build=build,
    check_depth=check_depth,
    depths=tuple(_BLOCKS),
    default_depth=29,
    stem_arguments=("alphabet",),
    torch_variables=torch_variables,
    depth_from_torch=depth_from_torch,
    variants={
        "conv": {"downsampling": "conv"},
        "kmaxpool": {"downsampling": "kmaxpool"},
        "shortcut": {"shortcut": True},
    },
)
