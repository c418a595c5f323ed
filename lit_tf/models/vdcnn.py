"""The very deep CNNs for texts (Conneau et al., 2017), read by characters."""

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

import keras

from lit_tf import errors, layers
from lit_tf.models import torch_weights
from lit_tf.sections.sectioned_model import SectionedModel

STEM = ("alphabet",)
# Blocks of each section, by depth: two convolutions a block, one in the stem.
_BLOCKS = {
    9: (1, 1, 1, 1),
    17: (2, 2, 2, 2),
    29: (5, 5, 2, 2),
    49: (8, 8, 5, 3),
}
_POOLS = ("maxpool", "conv", "kmaxpool")
# What may follow the depth in a name → arguments of `build`.
VARIANTS = {
    "conv": {"downsampling": "conv"},
    "kmaxpool": {"downsampling": "kmaxpool"},
    "shortcut": {"shortcut": True},
}
PAPER = 29
UNREAD = ()
NAMES = tuple(f"vdcnn{depth}" for depth in _BLOCKS)


def check(depth: int) -> None:
    """Raises `SettingsError` unless there is a VDCNN of that depth."""
    if depth not in _BLOCKS:
        near = min(_BLOCKS, key=lambda known: abs(known - depth))
        raise errors.SettingsError(
            "A VDCNN's depth must be one of "
            f"{', '.join(map(str, _BLOCKS))}. Received: vdcnn{depth}. The "
            f"nearest is vdcnn{near}."
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

    The depth counts convolutions along the text. Where a section begins with
    more filters than there were, the text is halved, by one of three ways that
    the paper tries: max-pooling over 3, a first convolution of stride 2, or
    k-max pooling to half the length. All pad one character on both sides, as
    the published weights want it. A shortcut is option A of the ResNets: it
    subsamples, pads channels with zeros, and has no weights.

    Embeddings start from a normal distribution, convolutions from Kaiming
    normal (fan-in), dense kernels from uniform ±1/√fan-in.

    Args:
        depth: 9, 17, 29 or 49; another where `blocks` say so.
        input_shape: (length,) of an encoded text.
        classes: the number of logits.
        alphabet: the characters that have a code of their own.
        downsampling: "maxpool", "conv" or "kmaxpool".
        shortcut: whether a block adds its input to its output.
        blocks: of each section, if not those of the depth.
        width: filters of the stem and section 1; each later section has twice
            as many.
        filters: of each section, if they are others.
        embedding: numbers that a character becomes.
        hidden: units of the two dense layers before the last.
        k: places that each channel keeps for the dense layers.

    Returns:
        A model, codes `[batch, length]` → float32 logits `[batch, classes]`.

    Raises:
        SettingsError: there is no such depth or way to down-sample, or a text
            is too short.
    """
    if not blocks:
        check(depth)
        blocks = _BLOCKS[depth]
    filters = filters or [width * 2**i for i in range(len(blocks))]
    errors.require(
        downsampling in _POOLS,
        f"`downsampling` must be one of {', '.join(_POOLS)}.",
        downsampling=downsampling,
    )
    (length,) = input_shape
    # Each halving rounds up.
    least = (k - 1) * 2 ** (len(blocks) - 1) + 1
    errors.require(
        length >= least,
        f"`text_length` must be ≥ {least} for a VDCNN, which halves a text "
        f"{len(blocks) - 1} times and then keeps {k} places.",
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
            how = downsampling if number and not j else ""
            x = _block(x, width, how, shortcut, f"block_{j + 1}")
        sections.append(keras.Model(start, x, name=f"section_{number + 1}"))

    start = keras.Input(sections[-1].output_shape[1:], name="representation")
    x = layers.KMaxPool(k, name="k_max")(start)
    # The published dense kernel reads channel after channel.
    x = keras.layers.Permute((2, 1), name="by_channel")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for i in (1, 2):
        x = _dense(x, hidden, f"dense_{i}", activation="relu")
    x = _dense(x, classes, "dense_3")
    head = keras.Model(start, layers.Float32(name="logits")(x), name="head")
    return SectionedModel(
        stem, sections, head, name=f"vdcnn{depth}", depth=depth
    )


def published(model: SectionedModel) -> dict[str, keras.Variable]:
    """Returns a VDCNN's variables by the names of the published PyTorch code.

    They are `character_embedding`, `conv1`, `sections.section_K.block_J.conv1`,
    `….bn1`, `….conv2`, `….bn2` (section and block count from 0), and `fc1`,
    `fc2`, `fc3`.
    """
    found = {
        "character_embedding": model.stem.get_layer("embedding"),
        "conv1": model.stem.get_layer("conv"),
    }
    for k, section in enumerate(model.sections):
        names = {layer.name for layer in section.layers}
        j = 0
        while f"block_{j + 1}_conv_1" in names:
            for i in (1, 2):
                ours = f"block_{j + 1}"
                theirs = f"sections.section_{k}.block_{j}"
                for kind, name in (("conv", "conv"), ("bn", "norm")):
                    layer = section.get_layer(f"{ours}_{name}_{i}")
                    found[f"{theirs}.{kind}{i}"] = layer
            j += 1
    for i in (1, 2, 3):
        found[f"fc{i}"] = model.head.get_layer(f"dense_{i}")
    return torch_weights.named(found)


def recognized(names: AbstractSet[str]) -> int | None:
    """Returns the depth that published names tell, None if of no VDCNN."""
    found = blocks(names)
    return next((d for d, known in _BLOCKS.items() if known == found), None)


def blocks(names: Iterable[str]) -> tuple[int, ...]:
    """Returns the blocks of each section that published names tell.

    () where they are not those of a VDCNN, of whatever depth.
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
    entered = x
    if downsampling == "maxpool":
        # What a block is given is no less than 0, so that zeros win nothing.
        x = keras.layers.ZeroPadding1D(1, name=f"{name}_pool_pad")(x)
        x = keras.layers.MaxPooling1D(3, 2, name=f"{name}_pool")(x)
    elif downsampling == "kmaxpool":
        x = layers.KMaxPool(-(-x.shape[1] // 2), name=f"{name}_pool")(x)
    x = _conv(x, filters, 2 if downsampling == "conv" else 1, f"{name}_conv_1")
    x = _norm(x, f"{name}_norm_1")
    x = keras.layers.ReLU(name=f"{name}_relu_1")(x)
    x = _conv(x, filters, 1, f"{name}_conv_2")
    x = _norm(x, f"{name}_norm_2")
    if shortcut:
        if downsampling or entered.shape[-1] != filters:
            entered = layers.PadShortcut(
                filters, 2 if downsampling else 1, name=f"{name}_shortcut"
            )(entered)
        x = keras.layers.Add(name=f"{name}_add")([x, entered])
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


def _norm(x, name):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def _dense(x, units, name, activation=None):
    return keras.layers.Dense(
        units,
        activation,
        kernel_initializer=keras.initializers.VarianceScaling(
            1 / 3, "fan_in", "uniform"
        ),
        name=name,
    )(x)
