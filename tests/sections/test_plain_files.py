"""A saved model opens with Keras alone; `lit_tf.load` restores the rest."""

import subprocess
import sys

import keras
import keras_alone
import numpy as np
import pytest
from chains import chain, randomize, small

import lit_tf
from lit_tf import layers, models
from lit_tf.sections import model_files, plain_files, plain_form
from lit_tf.sections.sectioned_model import SectionedModel

# Opens the models of a folder and writes what they return for their inputs:
# first those in `alone`, then, with `lit_tf`, those in `imported`.
OPEN = """
import pathlib, sys
import keras
import numpy as np

def answer(folder):
    for path in sorted(folder.glob("*.keras")):
        model = keras.models.load_model(path)
        with np.load(path.with_suffix(".npz")) as archive:
            inputs = [archive[name] for name in archive.files]
        x = inputs if len(inputs) > 1 else inputs[0]
        np.save(path.with_suffix(".npy"), model(x, training=False))

folder = pathlib.Path(sys.argv[1])
answer(folder / "alone")
assert not [name for name in sys.modules if name.startswith("lit_tf")]
import lit_tf
answer(folder / "imported")
"""
FAMILIES = [family.names[0] for family in models.MODELS.values()]


def users_model():
    """A model without sections, with a nested model and layers of `lit_tf`."""
    inner = chain(
        keras.Input((None, None, 8)),
        layers.PadShortcut(12, 2, name="pad", dtype="mixed_float16"),
        layers.BatchNormalization(name="norm", gamma_regularizer="l2"),
    )
    inner.trainable = False
    conv = layers.GroupedConv2D(
        8, 3, groups=2, dtype="mixed_float16", name="conv"
    )
    return chain(
        keras.Input((None, None, 2), name="image"),
        layers.Normalize((1, 2), (4, 5), name="normalize"),
        conv,
        layers.BatchNormalization(name="norm", momentum=0.9),
        inner,
        keras.layers.GlobalMaxPooling2D(),
        layers.Float32("softmax", name="probabilities"),
    )


def sequential():
    """A sequential model with layers of `lit_tf`."""
    return keras.Sequential(
        [
            keras.Input((9, 4)),
            layers.KMaxPool(3, name="pool"),
            keras.layers.Dense(2, name="dense"),
            layers.Float32(name="logits"),
        ]
    )


def nesting(model):
    """A model that contains another one, with sections."""
    return chain(keras.Input(model.input_shape[1:]), model)


def wrapped():
    """A model with a layer that has no form in Keras."""
    norm = layers.BatchNormalization(name="norm")
    return chain(
        keras.Input((5, 4)), keras.layers.TimeDistributed(norm, name="each")
    )


def answer(model, inputs):
    x = inputs if len(inputs) > 1 else inputs[0]
    return np.asarray(model(x, training=False))


@pytest.fixture(scope="module")
def saved(build, batch, dense, tmp_path_factory):
    """Models and inputs by name, and a folder with their files and answers."""
    folder, known = tmp_path_factory.mktemp("saved"), {}

    def add(place, name, model, inputs, save=model_files.save):
        randomize(model)
        path = folder / place / f"{name}.keras"
        path.parent.mkdir(exist_ok=True)
        save(model, path)
        np.savez(path.with_suffix(".npz"), *inputs)
        known[name] = path, model, inputs

    for name in FAMILIES:
        inputs, _ = batch(2, name=name)
        inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
        add("alone", name, build(name), inputs)
    random = np.random.default_rng(0)
    images = random.normal(0, 9, (3, 9, 8, 2)).astype("float32")
    add("alone", "users", users_model(), [images])
    codes = random.integers(0, 3, (3, 9, 4)).astype("float32")
    add("alone", "sequential", sequential(), [codes])
    x = random.normal(0, 1, (3, 4)).astype("float32")
    add("alone", "nesting", nesting(dense(0)), [x])
    add("imported", "wrapped", wrapped(), [codes[:, :5]])
    inputs, _ = batch(2)
    add("imported", "own", build(), [inputs], save=keras.saving.save_model)
    command = [sys.executable, "-c", OPEN, str(folder)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return known


NAMES = [*FAMILIES, "users", "sequential", "nesting", "wrapped", "own"]


@pytest.mark.parametrize("name", NAMES)
def test_keras_opens_a_saved_model(saved, name):
    path, model, inputs = saved[name]
    assert keras_alone.is_enough_for(path) == (path.parent.name == "alone")
    expected = answer(model, inputs)
    received = np.load(path.with_suffix(".npy"))
    assert received.dtype == expected.dtype
    # Keras computes half precision in another order.
    close = 1e-3 if name == "users" else 1e-5
    size = max(1, np.abs(expected).max())
    np.testing.assert_allclose(received / size, expected / size, atol=close)


def described(model):
    """Returns what a loaded model must have in common with the saved one."""
    operations = [
        (type(x).__name__, x.get_config())
        for x in model._flatten_layers(include_self=False)
        if not isinstance(x, keras.Model)
    ]
    variables = [(v.path, v.trainable, v.dtype) for v in model.variables]
    return operations, variables


@pytest.mark.parametrize("name", NAMES)
def test_lit_tf_restores_layers_and_sections(saved, name):
    path, model, inputs = saved[name]
    again = lit_tf.load(path)
    assert type(again) is type(model)
    if name != "wrapped":  # Keras changes the paths in a `TimeDistributed`.
        assert described(again) == described(model)
    np.testing.assert_array_equal(answer(again, inputs), answer(model, inputs))
    if isinstance(model, SectionedModel):
        assert again.name == model.name
        assert (again.depth, again.facts) == (model.depth, model.facts)
        parts = [again.stem, *again.sections, again.head]
        assert [x.name for x in parts] == [
            x.name for x in (model.stem, *model.sections, model.head)
        ]


def test_a_model_of_keras_layers_is_not_copied(dense):
    model = dense(0)
    plain, replaced = plain_form.plain_form(model)
    assert not replaced
    assert type(plain) is type(model.stem)
    assert plain.get_layer(model.stem.name) is model.stem


def test_a_compiled_model_trains_on(tmp_path):
    model = small()
    model.compile("adam", "mse", run_eagerly=True)
    x, y = np.eye(4, dtype="float32"), np.ones((4, 4), "float32")
    path = tmp_path / "model.keras"
    checkpoint = keras.callbacks.ModelCheckpoint(path)
    model.fit(x, y, verbose=0, callbacks=[checkpoint])
    assert keras_alone.is_enough_for(path)
    again = keras.models.load_model(path)
    losses = [m.fit(x, y, verbose=0).history["loss"] for m in (again, model)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    for one, other in zip(
        again.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert not lit_tf.load(path).compiled


def test_a_file_records_what_a_part_reads_from_the_stem():
    x = keras.Input((4,))
    inner = keras.layers.Dense(4, name="dense")
    stem = keras.Model(x, [inner(x), x[:, :1], x[:, 1:]], name="stem")
    one, two, three = (keras.Input((n,)) for n in (4, 1, 3))
    section = keras.Model(
        [one, three], keras.layers.Concatenate()([one, three]), name="section"
    )
    seven = keras.Input((7,))
    head = keras.Model(
        [seven, three, two],
        keras.layers.Concatenate()([seven, three, two]),
        name="head",
    )
    start, *context = stem(x)
    end = head([section([start, context[1]]), context[1], context[0]])
    assert plain_files.parts_of(keras.Model(x, end)) == [
        {"name": "stem", "context": []},
        {"name": "section", "context": [2]},
        {"name": "head", "context": [2, 1]},
    ]
    twice = section([section([start, context[1]])[:, :4], context[1]])
    with pytest.raises(ValueError, match="calls a part twice"):
        plain_files.parts_of(keras.Model(x, twice))
    branched = head([section([start, context[1]]), context[1], x[:, :2]])
    with pytest.raises(ValueError, match="not a chain of parts"):
        plain_files.parts_of(keras.Model(x, branched))
