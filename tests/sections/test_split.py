"""Cut models compute the same outputs; impossible cuts raise an error."""

import keras
import numpy as np
import pytest
import seeds
import slow

import lit_tf
from lit_tf import errors
from lit_tf.sections import model_files
from lit_tf.sections.functional import read_graph
from lit_tf.sections.parts import build_part
from lit_tf.sections.trunk import find_trunks


def _outputs(model, seed=0):
    random = np.random.default_rng(seed)
    x = [random.normal(size=(3, *t.shape[1:])) for t in model.inputs]
    x = [value.astype("float32") for value in x]
    return model(x[0] if len(x) == 1 else x, training=False)


def _same(one, other):
    one, other = map(keras.tree.flatten, (one, other))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


def _residual(width=4):
    x = image = keras.Input((6, 6, 3), name="image")
    x = keras.layers.Conv2D(width, 3, padding="same", name="conv")(x)
    for name in ("one", "two", "three"):
        y = keras.layers.Conv2D(width, 3, padding="same", name=name)(x)
        x = keras.layers.Add(name=f"{name}_add")([x, y])
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, keras.layers.Dense(2, name="dense")(x))


def _block(name, width=4):
    x = inputs = keras.Input((width,))
    y = keras.layers.Dense(width, activation="relu", name="dense")(x)
    y = keras.layers.BatchNormalization(name="norm")(y)
    return keras.Model(inputs, keras.ops.add(x, y), name=name)


class _Twice(keras.layers.Layer):
    """A composite layer of two blocks."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [
            keras.layers.Dense(4, activation="tanh", name=f"{self.name}_{j}")
            for j in range(2)
        ]

    def build(self, shape):
        for block in self.blocks:
            block.build(shape)

    def call(self, x):
        return self.blocks[1](self.blocks[0](x))


def _random(seed):
    """Returns a functional model of random parts.

    Some are nested, shared or composite. Of every other model, parts read a
    second input, and its ends share a layer.
    """
    seeds.set_all(seed)
    random = np.random.default_rng(seed)
    x = keras.Input((4,), name="x")
    inputs, tied = [x], None
    kinds = ["chain", "residual", "concat", "nested", "sequential", "shared"]
    kinds += ["composite"]
    if seed % 2:
        kinds += ["condition", "mask"]
        inputs.append(keras.Input((4,), name="y"))
        tied = keras.layers.Dense(4, activation="tanh", name="tied")
        x = tied(x)
    for i in range(random.integers(4, 9)):
        kind = random.choice(kinds)
        name = f"{kind}_{i}"
        if kind == "chain":
            x = keras.layers.Dense(4, activation="tanh", name=name)(x)
        elif kind == "residual":
            y = keras.layers.Dense(4, activation="relu", name=name)(x)
            x = x + 0.5 * y
        elif kind == "concat":
            y = [keras.layers.Dense(3, name=f"{name}_{j}")(x) for j in range(2)]
            x = keras.layers.Concatenate(name=f"{name}_join")(y)
            x = keras.layers.Dense(4, name=f"{name}_back")(x)
        elif kind == "nested":
            x = _block(name)(x)
        elif kind == "sequential":
            x = keras.Sequential(
                [keras.layers.Dense(4, name="dense"), _block("inner")],
                name=name,
            )(x)
        elif kind == "composite":
            x = _Twice(name=name)(x)
        elif kind == "condition":
            x = x * keras.layers.Dense(4, name=name)(inputs[1])
        elif kind == "mask":
            y = keras.layers.Dense(4, activation="relu", name=name)(x)
            x = keras.ops.where(inputs[1] > 0, y, x)
        else:
            layer = keras.layers.Dense(4, activation="tanh", name=name)
            x = layer(layer(x)) + x
    x = tied(x) if tied else x
    outputs = keras.layers.Dense(2, name="out")(x)
    return keras.Model(inputs if tied else inputs[0], outputs)


@pytest.mark.parametrize("seed", slow.all_but(range(4), range(12)))
def test_a_cut_model_computes_the_same_outputs(seed):
    model = _random(seed)
    graph = read_graph(model)
    # A cut between two calls of one layer raises an error.
    trunk = max(find_trunks(graph), key=lambda trunk: len(trunk.cuts))
    names = [graph.names[n] for n in trunk.cuts if ":" not in graph.names[n]]
    if seed % 2:  # The layer that both ends share stays in the ends.
        names = [name for name in names if name not in ("x", "y", "out")]
    random = np.random.default_rng(seed)
    chosen = np.sort(random.choice(len(names), 3, replace=False))
    cuts = [names[i] for i in chosen]
    cut = lit_tf.split(model, cuts)
    assert len(cut.sections) == 2
    _same(_outputs(model), _outputs(cut))
    assert {id(v) for v in cut.variables} == {id(v) for v in model.variables}
    # Representation k is the output of the layer of that name.
    x = [np.ones((2, 4), "float32") for _ in model.inputs]
    x = x if len(x) > 1 else x[0]
    inner = keras.Model(cut.input, list(cut.representations))(x)
    for number, value in zip(
        [graph.names.index(name) for name in cuts], inner, strict=True
    ):
        direct = build_part(graph, graph.inputs, number, name="direct")
        np.testing.assert_array_equal(direct(x), value)


@pytest.mark.parametrize("seed", slow.all_but(range(4), range(12)))
def test_a_model_is_cut_exactly_or_an_error_says_why_not(seed):
    model = _random(seed)
    graph = read_graph(model)
    first = "tied:1" if seed % 2 else "x"
    ends = (first, "x", "y", "out")
    for number, name in enumerate(graph.names):
        if name in ends or ":" in name:
            continue
        try:
            cut = lit_tf.split(model, [first, name])
        except errors.SettingsError as error:
            words = str(error)
            assert "a single tensor" in words or "in the order" in words, name
            assert graph.crossing(number) != (number,)
        else:
            _same(_outputs(cut), _outputs(model))


def test_a_cut_model_can_be_saved_and_loaded(tmp_path):
    model = _random(3)
    cut = lit_tf.split(model, ["x", "out"])
    model_files.save(cut, tmp_path / "cut.keras")
    _same(_outputs(lit_tf.load(tmp_path / "cut.keras")), _outputs(model))


def test_a_layer_of_the_same_name_may_be_called_in_several_ways():
    seeds.set_all(0)

    def inner():
        x, y = keras.Input((5, 4)), keras.Input((5, 4))
        attention = keras.layers.MultiHeadAttention(2, 4, name="attention")
        first = attention(x, x)
        return keras.Model([x, y], attention(first, y))

    x = keras.Input((5, 4))
    stem = keras.layers.Dense(4, name="stem")(x)
    z = inner()([stem, keras.ops.tanh(stem)])
    z = inner()([z, keras.ops.tanh(z)])
    z = keras.layers.Dense(4, name="last")(z)
    model = keras.Model(x, keras.layers.Dense(3)(z))
    random = np.random.default_rng(0)
    for variable in model.variables:
        if variable.dtype == "float32":  # Not the state of a seed.
            variable.assign(random.normal(size=variable.shape))
    cut = lit_tf.split(model, ["stem", "last"])
    values = random.normal(size=(2, 5, 4)).astype("float32")
    np.testing.assert_allclose(cut(values), model(values), rtol=1e-4)


def test_nested_models_may_have_layers_of_the_same_name(tmp_path):
    x = inputs = keras.Input((4,), name="x")
    for name in ("one", "two", "three"):
        x = _block(name)(x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(x))
    cuts = [
        n for n in read_graph(model).names if n.startswith(("one", "three"))
    ]
    cuts = [n for n in cuts if "add" in n]
    cut = lit_tf.split(model, cuts)
    _same(_outputs(model), _outputs(cut))
    names = [layer.name for layer in cut.sections[0].layers]
    assert {"dense", "three_dense"} <= set(names)
    model_files.save(cut, tmp_path / "cut.keras")
    _same(_outputs(lit_tf.load(tmp_path / "cut.keras")), _outputs(model))


def test_the_nesting_of_inputs_and_outputs_does_not_change():
    inputs = {
        name: keras.Input((size,), name=name)
        for name, size in (("left", 2), ("right", 3))
    }
    x = keras.layers.Concatenate(name="join")(list(inputs.values()))
    x = keras.layers.Dense(4, name="one")(x)
    x = keras.layers.Dense(4, name="two")(x)
    outputs = {
        "class": keras.layers.Dense(2, name="class")(x),
        "size": keras.layers.Dense(1, name="size")(x),
    }
    model = keras.Model(inputs, outputs)
    cut = lit_tf.split(model, ["one", "two"])
    x = {"left": np.ones((3, 2)), "right": np.ones((3, 3))}
    assert set(cut(x)) == {"class", "size"}
    _same(cut(x), model(x))


def test_an_error_lists_the_tensors_that_pass_and_possible_cuts():
    with pytest.raises(errors.SettingsError) as refusal:
        lit_tf.split(_residual(), ["conv", "two"])
    assert (
        "'one_add' (6, 6, 4), 'two' (6, 6, 4). The nearest possible cuts are "
        "'one_add' and 'two_add'." in str(refusal.value)
    )


@pytest.mark.parametrize(
    ("cuts", "words"),
    [
        (["conv"], "at least two layers"),
        (["conv", "conv"], "each once"),
        (["one_add", "conv"], "conv"),
        (["convv", "one_add"], "has no layer 'convv'. The nearest name is"),
    ],
)
def test_invalid_cuts_raise_an_error(cuts, words):
    with pytest.raises(errors.SettingsError, match=words):
        lit_tf.split(_residual(), cuts)


def _shared():
    x = inputs = keras.Input((4,), name="x")
    layer = keras.layers.Dense(4, name="twice")
    x = keras.layers.Dense(4, name="first")(layer(x))
    x = keras.layers.Dense(4, name="second")(layer(x))
    return keras.Model(inputs, x)


def _stateful():
    x = inputs = keras.Input(batch_shape=(2, 5, 3), name="x")
    for name in ("one", "two"):
        x = keras.layers.LSTM(
            4, return_sequences=True, stateful=True, name=name
        )(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="out")(x))


def _two_streams():
    images, texts = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    x = keras.layers.Dense(4, name="x_0")(images)
    y = keras.layers.Dense(4, name="y_0")(texts)
    for j in (1, 2, 3):
        both = keras.layers.Concatenate(name=f"both_{j}")([x, y])
        x = keras.layers.Dense(4, name=f"x_{j}")(both)
        y = keras.layers.Dense(4, name=f"y_{j}")(both)
    both = keras.layers.Concatenate(name="both")([x, y])
    return keras.Model([images, texts], keras.layers.Dense(2, name="out")(both))


def _shared_keys():
    x = inputs = keras.Input((5, 4), name="x")
    keys = x = keras.layers.Dense(4, name="first")(x)
    for j in (1, 2, 3):
        attention = keras.layers.MultiHeadAttention(2, 2, name=f"attention_{j}")
        keys = x if j == 2 else keys
        x = keras.layers.Add(name=f"add_{j}")([x, attention(x, keys)])
    return keras.Model(inputs, keras.layers.Dense(2, name="out")(x))


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("make", "cuts", "words"),
    [
        (_shared, ["first", "second"], "'twice' are used on both sides"),
        (_shared, ["twice", "second"], "Name one of them: twice:1, twice:2"),
        (_stateful, ["one", "two"], "'one' keeps a state"),
        (_two_streams, ["x_0", "x_1", "x_2"], "'both_1' .8,., 'x_1' .4,."),
        (_shared_keys, ["first", "add_1", "add_2"], "'add_1' .5, 4., 'add_2'"),
        (Subclassed, ["a", "b"], "functional or sequential"),
        (lambda: keras.Sequential([keras.layers.Dense(2)]), ["a"], "built"),
        (lambda: "model", ["a", "b"], "must be a keras.Model"),
    ],
)
def test_an_error_says_why_a_model_cannot_be_cut(make, cuts, words):
    with pytest.raises(errors.SettingsError, match=words):
        lit_tf.split(make(), cuts)


def test_cutting_does_not_change_the_model():
    model = _residual()
    before = [(layer, layer.output) for layer in model.layers]
    lit_tf.split(model, ["conv", "three_add"])
    after = [(layer, layer.output) for layer in model.layers]
    for (layer, tensor), (same, output) in zip(before, after, strict=True):
        assert layer is same and tensor is output
