"""Small models whose sections read context, and inputs for them."""

import keras
import numpy as np

LENGTH, WIDTH = 6, 4


def attend(x, name, **kwargs):
    """Adds a block of attention and a dense layer."""
    attention = keras.layers.MultiHeadAttention(2, 2, name=f"{name}_attention")
    x = keras.layers.Add(name=f"{name}_add")([x, attention(x, x, **kwargs)])
    x = keras.layers.LayerNormalization(name=f"{name}_norm")(x)
    y = keras.layers.Dense(WIDTH, activation="tanh", name=f"{name}_dense")(x)
    return keras.layers.Add(name=f"{name}_out")([x, y])


def pooled(x, inputs, **kwargs):
    x = keras.layers.GlobalAveragePooling1D(name="pool")(x, **kwargs)
    return keras.Model(inputs, keras.layers.Dense(3, name="logits")(x))


def ids_input():
    return keras.Input((LENGTH,), dtype="int32", name="ids")


def explicit_mask():
    ids = ids_input()
    mask = keras.Input((LENGTH,), dtype="int32", name="padding")
    x = keras.layers.Embedding(9, WIDTH, name="table")(ids)
    for j in range(3):
        x = attend(x, f"block_{j}", attention_mask=mask[:, None])
    return pooled(x, {"ids": ids, "padding": mask}, mask=mask)


def implicit_mask():
    x = ids = ids_input()
    x = keras.layers.Embedding(9, WIDTH, mask_zero=True, name="table")(x)
    for j in range(3):
        x = attend(x, f"block_{j}")
    return pooled(x, ids)


def recorded_mask():
    x = ids = ids_input()
    x = keras.layers.Embedding(9, WIDTH, mask_zero=True, name="table")(x)
    for j in range(3):
        y = keras.layers.LSTM(WIDTH, return_sequences=True, name=f"lstm_{j}")
        x = keras.layers.Add(name=f"add_{j}")([x, y(x)])
    return pooled(x, ids)


def condition():
    """Each block is scaled by a vector, as in diffusion models."""
    x = inputs = keras.Input((LENGTH, 3), name="steps")
    vector = keras.Input((2,), name="vector")
    x = keras.layers.Dense(WIDTH, name="first")(x)
    for j in range(3):
        scale = keras.layers.Dense(WIDTH, name=f"scale_{j}")(vector)
        y = keras.layers.Dense(WIDTH, activation="tanh", name=f"dense_{j}")(x)
        x = x + y * scale[:, None]
    return pooled(x, [inputs, vector])


def second_tower():
    x = image = keras.Input((8, 8, 3), name="image")
    facts = keras.Input((4,), name="facts")
    x = keras.layers.Conv2D(WIDTH, 3, padding="same", name="conv")(x)
    for j in range(3):
        y = keras.layers.Conv2D(WIDTH, 3, padding="same", name=f"conv_{j}")(x)
        x = keras.layers.Add(name=f"add_{j}")([x, y])
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    tower = keras.layers.Dense(4, activation="relu", name="tower_1")(facts)
    tower = keras.layers.Dense(4, activation="relu", name="tower_2")(tower)
    x = keras.layers.Concatenate(name="join")([x, tower])
    outputs = keras.layers.Dense(3, name="logits")(x)
    return keras.Model({"image": image, "facts": facts}, outputs)


def derived_positions():
    """All blocks read a tensor that the first representation determines."""
    x = inputs = keras.Input((LENGTH, 3), name="steps")
    x = keras.layers.Dense(WIDTH, name="first")(x)
    shared = keras.layers.Dense(WIDTH, name="relative")(x)
    for j in range(3):
        y = keras.layers.Dense(WIDTH, name=f"dense_{j}")(x)
        x = keras.layers.LayerNormalization(name=f"norm_{j}")(y + shared)
    return pooled(x, inputs)


class Encoder(keras.layers.Layer):
    """Runs a list of blocks."""

    def __init__(self, blocks=3, extra=False, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [
            keras.layers.Dense(WIDTH, activation="tanh", name=f"block_{j}")
            for j in range(blocks)
        ]
        self.extra = keras.layers.Dense(WIDTH) if extra else None

    def build(self, shape):
        for layer in [*self.blocks, *([self.extra] if self.extra else [])]:
            layer.build(shape)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return x


def composite(kind=Encoder, **kwargs):
    x = inputs = keras.Input((LENGTH, 3), name="steps")
    x = keras.layers.Dense(WIDTH, activation="relu", name="first")(x)
    return pooled(kind(name="encoder", **kwargs)(x), inputs)


class Noisy(Encoder):
    """Computes something else in training."""

    def call(self, x, training=None):
        x = super().call(x)
        return x + 1.0 if training else x


class Either(Encoder):
    """Runs its blocks forwards or backwards."""

    def call(self, x, reverse=False):
        for block in reversed(self.blocks) if reverse else self.blocks:
            x = x + block(x)
        return x


def long_skip():
    """The first representation is added again behind all blocks."""
    x = inputs = keras.Input((8, 8, 3), name="image")
    x = first = keras.layers.Conv2D(4, 3, padding="same", name="first")(x)
    for j in range(3):
        y = keras.layers.Conv2D(4, 3, padding="same", name=f"one_{j}")(x)
        y = keras.layers.ReLU(name=f"relu_{j}")(y)
        y = keras.layers.Conv2D(4, 3, padding="same", name=f"two_{j}")(y)
        x = keras.layers.Add(name=f"add_{j}")([x, y])
    x = keras.layers.Add(name="long")([x, first])
    x = keras.layers.Conv2D(3, 3, padding="same", name="last")(x)
    return keras.Model(inputs, x)


def rotary():
    """All blocks read two tables of positions."""
    x = inputs = keras.Input((LENGTH, 3), name="steps")
    angles = keras.Input((LENGTH, WIDTH), name="angles")
    sine, cosine = keras.ops.sin(angles), keras.ops.cos(angles)
    x = keras.layers.Dense(WIDTH, name="first")(x)
    for j in range(3):
        turned = x * cosine + keras.ops.flip(x, -1) * sine
        y = keras.layers.Dense(WIDTH, activation="tanh", name=f"one_{j}")(
            turned
        )
        y = keras.layers.Dense(WIDTH, name=f"two_{j}")(y)
        x = keras.layers.Add(name=f"out_{j}")([x, y])
    return pooled(x, [inputs, angles])


MODELS = [
    long_skip,
    rotary,
    explicit_mask,
    implicit_mask,
    recorded_mask,
    condition,
    second_tower,
    derived_positions,
    composite,
]


def examples(model, count=4, seed=0):
    """Returns inputs of a model; ids and masks end in padding."""
    random = np.random.default_rng(seed)
    padding = np.arange(LENGTH) < random.integers(2, LENGTH, (count, 1))

    def values(tensor):
        if tensor.name == "padding":
            return padding.astype("int32")
        if tensor.dtype == "int32":
            ids = random.integers(1, 9, padding.shape) * padding
            return ids.astype("int32")
        shape = (count, *tensor.shape[1:])
        return random.normal(size=shape).astype("float32")

    return keras.tree.map_structure(values, model.input)


def outputs_of(model):
    return np.asarray(model(examples(model), training=False))
