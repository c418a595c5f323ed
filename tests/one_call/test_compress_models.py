"""`lit_tf.compress` of models and labels of many forms."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from own_models import CLASSES, INPUTS, VALUES, built, classifier, compress

import lit_tf
from lit_tf.methods import channel_pruning

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.parametrize("form", [(-1,), (-1, 1)])
def test_one_sigmoid_may_have_labels_of_floats(form):
    model = built((1, "sigmoid"), loss="binary_crossentropy")
    labels = CLASSES.astype("float32").reshape(form)
    facts = compress(model, (INPUTS, labels)).facts
    assert facts["comparison"]["difference"]["of"] == "accuracy"
    assert sum(one["examples"] for one in facts["per_class"]) == 10


def test_inputs_alone_in_a_tensor_are_validated_on_a_part_of_them():
    result = compress(built((3,)), tf.constant(INPUTS))
    assert result.facts["comparison"]["examples"] == 10


def test_channels_of_a_users_model_are_pruned():
    x = images = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(8, 3, padding="same")(x)
    for _ in range(2):
        y = keras.layers.Conv2D(8, 3, padding="same")(x)
        y = keras.layers.BatchNormalization()(y)
        y = keras.layers.Conv2D(8, 3, padding="same")(y)
        x = keras.layers.Add()([x, y])
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(images, keras.layers.Dense(1)(x))
    model.compile("adam", "mse")
    pixels = np.random.default_rng(0).normal(size=(32, 4, 4, 3))
    pixels = pixels.astype("float32")
    result = lit_tf.compress(
        model,
        (pixels, pixels.mean((1, 2))[:, :1]),
        method="network_slimming",
        init="fresh",
        epochs=2,
        compression=1.5,
    )
    teacher, student = result.facts["teacher"], result.facts["student"]
    assert student["flops"] < teacher["flops"] / 1.4
    assert student["depth"] == teacher["depth"]
    assert result.facts["comparison"]["difference"]["of"] == "loss"
    assert "keeps" not in str(result)
    sections = lit_tf.split(model, lit_tf.plan(model))
    assert len(channel_pruning.prunable_norms(sections)) == 2


NAMED = {
    "one loss by name": (
        [(2, "softmax")],
        {"loss": {"end_0": "sparse_categorical_crossentropy"}},
        CLASSES,
    ),
    "losses in a list": (
        [(2, "softmax"), (1,)],
        {
            "loss": ["sparse_categorical_crossentropy", "mae"],
            "metrics": [["accuracy"], ["mse"]],
        },
        [CLASSES, VALUES],
    ),
    "numbers": ([(1,), (1,)], {"loss": ["mse", "mae"]}, [VALUES, VALUES]),
}


@pytest.mark.parametrize(("ends", "how", "labels"), NAMED.values(), ids=NAMED)
def test_the_outputs_of_a_student_have_the_names_of_the_model(
    ends, how, labels, tmp_path
):
    model = built(*ends, **how)
    result = compress(model, (INPUTS, labels), (INPUTS, labels))
    student = result.student
    assert student.output_names == model.output_names
    metrics = [result.facts[r]["metrics"] for r in ("teacher", "student")]
    assert metrics[0].keys() == metrics[1].keys()
    found = student.evaluate(INPUTS, labels, verbose=0, return_dict=True)
    expected = model.evaluate(INPUTS, labels, verbose=0, return_dict=True)
    assert found.keys() == expected.keys()
    student.save(tmp_path / "student.keras")
    again = keras.models.load_model(tmp_path / "student.keras")
    assert again.output_names == model.output_names


def test_examples_that_the_loss_ignores_do_not_count():
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    model = classifier(loss=loss)
    labels = np.where(np.arange(len(CLASSES)) % 3, CLASSES, -1)
    known = labels >= 0
    facts = compress(model, (INPUTS, labels), (INPUTS, labels)).facts
    found = model.predict(INPUTS[known], verbose=0).argmax(-1)
    accuracy = np.mean(found == labels[known])
    assert facts["comparison"]["examples"] == known.sum()
    assert facts["teacher"]["metrics"]["accuracy"] == pytest.approx(accuracy)
    right = sum(one["teacher"] * one["examples"] for one in facts["per_class"])
    assert right / known.sum() == pytest.approx(accuracy)


def test_a_sequential_classifier_is_compressed():
    layers = [keras.layers.Dense(6, "relu", name=f"d{j}") for j in range(4)]
    end = keras.layers.Dense(2, "softmax", name="end")
    model = keras.Sequential([keras.Input((6,)), *layers, end])
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    how = {"cuts": ["d0", "d3"], "keep": 1}
    student = compress(model, (INPUTS, CLASSES), **how).student
    found = student.evaluate(INPUTS, CLASSES, verbose=0, return_dict=True)
    assert found.keys() == {"loss", "accuracy"}
