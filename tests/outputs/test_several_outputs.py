"""Models with several outputs."""

import keras
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

import lit_tf
from lit_tf import errors, outputs
from lit_tf.sections import model_files
from lit_tf.training import devices

KINDS = {
    "shape": outputs.Classes(alpha=0.3, temperature=2.0),
    "size": outputs.Values(alpha=0.5),
}
NESTINGS = {
    "by name": lambda shape, size: {"shape": shape, "size": size},
    "in a list": lambda shape, size: [shape, size],
}


def network(seed, nested, *, softmax=False):
    """Returns a model of two sections and two heads."""
    seeds.set_all(seed)
    inputs = keras.Input((4,), name="x")
    x = keras.layers.Dense(6, activation="tanh", name="stem")(inputs)
    for k in (1, 2):
        x = keras.layers.Dense(6, activation="tanh", name=f"section_{k}")(x)
    last = "softmax" if softmax else "linear"
    shape = keras.layers.Dense(3, activation=last, name="shape")(x)
    size = keras.layers.Dense(1, name="size")(x)
    whole = keras.Model(inputs, nested(shape, size))
    return lit_tf.split(whole, cuts=["stem", "section_1", "section_2"])


def examples(nested, count=8):
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 4)).astype("float32")
    shape = random.integers(0, 3, count).astype("int32")
    size = random.normal(size=(count, 1)).astype("float32")
    return x, shape, size, nested(shape, size)


@pytest.fixture(params=slow.all_but(["by name"], NESTINGS))
def nested(request):
    return NESTINGS[request.param]


def several(nested, **settings):
    return outputs.Several(nested(**KINDS), **settings)


@pytest.mark.parametrize("kind", [lit_tf.LIT, lit_tf.Distill])
def test_losses_are_the_weighted_sum_over_the_outputs(kind, nested, close):
    teacher, student = network(1, nested), network(2, nested)
    trainer = kind(
        teacher, student, outputs=several(nested, loss_weights=nested(2.0, 0.5))
    )
    x, shape, size, y = examples(nested)
    terms, z = trainer.terms(x, y, training=True)
    z_t, z_s = teacher(x), student(x)
    for one, other in zip(
        keras.tree.flatten(z), keras.tree.flatten(z_s), strict=True
    ):
        close(one, other, 1e-6)
    theirs, ours = map(keras.tree.flatten, (z_t, z_s))
    each = [
        KINDS["shape"].terms(shape, theirs[0], ours[0]),
        KINDS["size"].terms(size, theirs[1], ours[1]),
    ]
    for name in ("hard", "soft"):
        close(terms[name], 2 * each[0][name] + 0.5 * each[1][name], 1e-5)
    kd = 2 * each[0]["kd"] + 0.5 * each[1]["kd"]
    close(terms["kd" if kind is lit_tf.LIT else "total"], kd, 1e-5)


def test_a_saved_student_returns_the_outputs_of_the_trained_one(
    nested, tmp_path
):
    trainer = lit_tf.LIT(
        network(1, nested), network(2, nested), outputs=several(nested)
    )
    trainer.compile(keras.optimizers.Adam(0.02))
    x, _, _, y = examples(nested, 64)
    before = trainer.evaluate(x, y, verbose=0, return_dict=True)
    often = keras.tree.map_structure(lambda v: np.concatenate([v] * 30), (x, y))
    trainer.fit(*often, verbose=0)
    after = trainer.evaluate(x, y, verbose=0, return_dict=True)
    assert after["ir"] < 0.5 * before["ir"]
    names = ["shape_accuracy", "size_mean_absolute_error"]
    if nested is NESTINGS["in a list"]:
        names = [
            name.replace("shape", "output_1").replace("size", "output_2")
            for name in names
        ]
    assert set(names) <= after.keys()
    trainer.save(tmp_path / "student.keras")
    saved = model_files.load(tmp_path / "student.keras")
    for one, other, third in zip(
        *(
            keras.tree.flatten(z)
            for z in (
                saved(x),
                trainer.student(x),
                trainer.predict(x, verbose=0),
            )
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, third, rtol=1e-5, atol=1e-6)
    accuracy = np.mean(
        np.argmax(keras.tree.flatten(saved(x))[0], -1)
        == keras.tree.flatten(y)[0]
    )
    assert after[names[0]] == pytest.approx(accuracy)


def test_losses_and_their_weights_are_compiled_as_in_keras(nested):
    x, _, _, y = examples(nested)
    student = network(2, nested)
    trainer = lit_tf.Teach(student, outputs=several(nested))
    trainer.compile(
        "sgd",
        loss=nested(None, "mae"),
        loss_weights=nested(1.0, 10.0),
        metrics=nested(["sparse_categorical_crossentropy"], ["mse"]),
        run_eagerly=True,
    )
    reported = trainer.evaluate(x, y, verbose=0, return_dict=True)
    plain = network(2, nested)
    plain.compile(
        "sgd",
        loss=nested(
            keras.losses.SparseCategoricalCrossentropy(from_logits=True), "mae"
        ),
        loss_weights=nested(1.0, 10.0),
        run_eagerly=True,
    )
    expected = plain.evaluate(x, y, verbose=0, return_dict=True)
    assert reported["hard"] == pytest.approx(expected["loss"], rel=1e-5)
    z = np.reshape(keras.tree.flatten(student(x))[1], [-1])
    size = np.reshape(keras.tree.flatten(y)[1], [-1])
    (squared,) = (v for name, v in reported.items() if name.endswith("mse"))
    assert squared == pytest.approx(np.mean((z - size) ** 2), rel=1e-4)


def test_losses_by_name_may_lack_some_outputs():
    kinds = outputs.Several(KINDS).with_losses(loss={"size": "mae"})
    y, z = tf.constant([[1.0]]), tf.constant([[4.0]])
    assert kinds.kinds["size"].hard(y, z) == [3.0]
    assert KINDS["size"].hard(y, z) == [9.0]
    assert kinds.kinds["shape"] is KINDS["shape"]


def test_weights_of_positions_are_refused():
    kinds = outputs.Several(KINDS)
    weights = {"shape": tf.ones([2, 4]), "size": tf.ones([2])}
    with pytest.raises(errors.SettingsError, match="Received: shape=.2, 4."):
        kinds.example_weights({"shape": None, "size": None}, weights)


def test_sample_weights_apply_to_examples_or_outputs(nested):
    x, shape, size, y = examples(nested)
    weights = np.array([1, 0, 2, 0, 1, 0, 3, 1], "float32")
    kinds = several(nested)
    trainer = lit_tf.LIT(network(1, nested), network(2, nested), outputs=kinds)
    trainer.compile("sgd")
    each, _ = trainer.terms(x, y, training=False)
    reported = trainer.evaluate(
        x, y, sample_weight=weights, verbose=0, return_dict=True
    )
    for name in ("ir", "kd", "total"):
        expected = np.mean(each[name] * weights)
        assert reported[name] == pytest.approx(float(expected), rel=1e-5)
    # One weight for each output: penalties get their mean.
    other = np.array([0, 0, 1, 4, 1, 0, 1, 1], "float32")
    reported = trainer.evaluate(
        x,
        y,
        sample_weight=nested(weights, other),
        verbose=0,
        return_dict=True,
    )
    theirs, ours = (
        keras.tree.flatten(model(x))
        for model in (trainer.teacher, trainer.student)
    )
    kd = weights * KINDS["shape"].terms(shape, theirs[0], ours[0])["kd"]
    kd += other * KINDS["size"].terms(size, theirs[1], ours[1])["kd"]
    assert reported["kd"] == pytest.approx(float(np.mean(kd)), rel=1e-5)
    ir = np.mean(each["ir"] * (weights + other) / 2)
    assert reported["ir"] == pytest.approx(float(ir), rel=1e-5)


@pytest.mark.parametrize("nested", [NESTINGS["by name"]])
@pytest.mark.slow
def test_replicas_share_an_uneven_batch(nested):
    results = []
    for strategy in ("default", "mirrored"):
        with devices.strategy(strategy).scope():
            trainer = lit_tf.Distill(
                network(1, nested), network(2, nested), outputs=several(nested)
            )
            trainer.compile(keras.optimizers.SGD(0.1))
        x, _, _, y = examples(nested, 5)
        history = trainer.fit(x, y, batch_size=4, shuffle=False, verbose=0)
        reported = [history.history[name] for name in sorted(history.history)]
        results.append([*reported, *trainer.student.get_weights()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_arguments_that_do_not_match_the_outputs_are_refused(nested):
    teacher, student = network(1, nested), network(2, nested)
    other = outputs.Several({"shape": KINDS["shape"], "colour": KINDS["size"]})
    with pytest.raises(errors.SettingsError, match="return outputs shape, col"):
        lit_tf.Distill(teacher, student, outputs=other)
    ends = network(1, nested, softmax=True)
    with pytest.raises(errors.SettingsError, match="'shape', applies a soft"):
        lit_tf.Distill(ends, student, outputs=several(nested))
    turned = network(1, lambda shape, size: {"z": shape, "a": size})
    last = network(1, lambda shape, size: {"z": shape, "a": size}, softmax=True)
    kinds = outputs.Several({"z": KINDS["shape"], "a": KINDS["size"]})
    lit_tf.Distill(
        turned, network(2, lambda z, a: {"z": z, "a": a}), outputs=kinds
    )
    with pytest.raises(errors.SettingsError, match="'shape', applies a soft"):
        lit_tf.Distill(last, turned, outputs=kinds)
    with pytest.raises(errors.SettingsError, match="weights` must be ≥ 0"):
        several(nested, loss_weights=nested(1.0, -1.0))
    trainer = lit_tf.Distill(teacher, student, outputs=several(nested))
    for wrong in (["mse"], {"colour": "mse"}, "mse"):
        with pytest.raises(errors.SettingsError, match="`loss` must be nested"):
            trainer.compile("sgd", loss=wrong)
    trainer.compile("sgd")
    x, shape, _, _ = examples(nested)
    with pytest.raises(errors.SettingsError, match="`labels` must be nested"):
        trainer.evaluate(x, shape, verbose=0)
    alone = lit_tf.Teach(student.sections[0], outputs=outputs.Values())
    with pytest.raises(errors.SettingsError, match="with several outputs"):
        alone.compile("sgd", loss_weights=[2.0])
