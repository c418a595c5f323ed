"""`lit_tf.export`: a user's model in one call, checked and measured."""

import contextlib

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

import lit_tf
from lit_tf import errors
from lit_tf.deployment import export_call, formats, lite_model, measurement

needs_litert = pytest.mark.skipif(
    not lite_model.installed(), reason="ai-edge-litert, the extra [litert]"
)


@pytest.fixture(scope="module")
def own():
    """A compiled model of a user, a deeper one, and their data."""
    seeds.set_all(0)

    def model(depth):
        x = inputs = keras.Input((6,))
        for _ in range(depth):
            x = keras.layers.Dense(6, activation="relu")(x)
        outputs = keras.layers.Dense(3, activation="softmax")(x)
        model = keras.Model(inputs, outputs)
        top_2 = keras.metrics.SparseTopKCategoricalAccuracy(2, name="top_2")
        model.compile(
            loss="sparse_categorical_crossentropy", metrics=["accuracy", top_2]
        )
        return model

    x = np.random.default_rng(0).normal(size=(90, 6)).astype(np.float32)
    return model(2), model(4), (x, np.arange(90) % 3)


def test_models_and_files_are_compared_and_timed_on_the_cpu(
    own, tmp_path, monkeypatch
):
    entered, seen = [], []

    @contextlib.contextmanager
    def device(name):
        entered.append(name)
        yield
        entered.pop()

    def spy(function):
        def run(*args, **kwargs):
            seen.append(entered[:1])
            return function(*args, **kwargs)

        return run

    monkeypatch.setattr(tf, "device", device)
    for module, name in (
        (formats.Format, "write"),
        (measurement.cost, "medians_ms"),
        (export_call.copying, "copy_model"),
    ):
        monkeypatch.setattr(module, name, spy(getattr(module, name)))
    model, _, (x, _) = own
    lit_tf.export(model, tmp_path / "out.keras", x)
    assert seen == [["CPU:0"]] * 4


@pytest.mark.parametrize("format", ["saved_model", "litert"])
def test_a_name_that_tensorflow_does_not_allow_is_refused(
    tmp_path, monkeypatch, format
):
    monkeypatch.setattr(lite_model, "require_runtime", lambda: None)
    names = "left-image", "right image"
    inputs = [keras.Input((4,), name=name) for name in names]
    model = keras.Model(inputs, keras.layers.Add()(inputs))
    path = tmp_path / ("out.tflite" if format == "litert" else "out")
    x = np.ones((8, 4), np.float32)
    with pytest.raises(errors.SettingsError, match="input='right image'"):
        lit_tf.export(model, path, dict.fromkeys(names, x))
    assert not list(tmp_path.iterdir())


class _Unregistered(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def test_a_layer_that_is_not_registered_is_refused(tmp_path):
    layers = [keras.Input((4,)), _Unregistered(), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    x = np.ones((8, 4), np.float32)
    with pytest.raises(errors.SettingsError, match="layer='_Unregistered'"):
        lit_tf.export(model, tmp_path / "out.keras", x)
    assert not list(tmp_path.iterdir())


class _Broken:
    """A source of examples, one of which cannot be read."""

    def __len__(self):
        return 300

    def __getitem__(self, place):
        if place == 290:
            raise OSError("cannot identify image file")
        return np.zeros(6, np.float32), np.int64(0)


def test_a_broken_example_ends_in_one_sentence(own, tmp_path):
    model, _, data = own
    with pytest.raises(errors.DataError, match="Example 290"):
        lit_tf.export(model, tmp_path / "out.keras", data, _Broken())


@pytest.mark.parametrize(
    "how",
    [
        {"format": "saved_model"},
        {"format": "keras"},
        pytest.param({"quantize": "int8"}, marks=needs_litert),
    ],
)
def test_in_python_a_model_is_exported_in_one_call(own, tmp_path, how):
    model, teacher, data = own
    suffix = {"saved_model": "", "keras": ".keras"}.get(how.get("format"))
    path = tmp_path / f"out{'.tflite' if suffix is None else suffix}"
    exported = lit_tf.export(model, path, data, data, teacher=teacher, **how)
    facts = exported.facts
    expected = model.evaluate(*data, verbose=0, return_dict=True)
    tolerance = 0.05 if how.get("quantize") else 1e-6
    for name in ("accuracy", "top_2"):
        assert facts["model"][name] == pytest.approx(expected[name])
        one = pytest.approx(expected[name], abs=tolerance)
        assert facts["export"][name] == one
    assert facts["export"]["agreement"] > 0.9
    assert facts["teacher"]["bytes"] > facts["model"]["bytes"]
    assert path.exists() and "latency, batch 1" in str(exported)


def test_in_python_data_that_do_not_fit_are_refused(own, tmp_path):
    model, _, (x, y) = own
    path = tmp_path / "out.keras"
    with pytest.raises(errors.SettingsError, match="cannot be called on the f"):
        lit_tf.export(model, path, (x[:, :5], y), format="keras")
    other = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    with pytest.raises(errors.SettingsError, match="cannot be called on the f"):
        lit_tf.export(model, path, (x, y), format="keras", teacher=other)
    assert not list(tmp_path.iterdir())


def test_losses_of_several_outputs_are_no_metrics(tmp_path):
    inputs = keras.Input((4,))
    outputs = {n: keras.layers.Dense(3, name=n)(inputs) for n in ("a", "b")}
    model = keras.Model(inputs, outputs)
    model.compile(loss={"a": "mse", "b": "mse"}, metrics={"a": ["mae"]})
    x = np.ones((8, 4), np.float32)
    data = x, {"a": x[:, :3], "b": x[:, :3]}
    expected = model.evaluate(*data, verbose=0, return_dict=True)["a_mae"]
    path = tmp_path / "out.keras"
    facts = lit_tf.export(model, path, data, data, format="keras").facts
    costs = {"name", "bytes", "latency_ms"}
    assert facts["export"].keys() - costs == {"a_mae"}
    assert facts["export"]["a_mae"] == pytest.approx(expected)


@pytest.mark.parametrize("loss", ["mse", None])
def test_numbers_are_not_compared_as_classes(tmp_path, loss):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    if loss:
        model.compile(loss=loss)
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    data = (x, x[:, :3]) if loss else x
    path = tmp_path / "out.keras"
    exported = lit_tf.export(model, path, data, data, format="keras")
    assert "same_class" not in exported.facts["check"]
    assert "same class" not in str(exported)


def test_a_classifier_without_labels_is_compared_with_its_export(own, tmp_path):
    model, _, (x, _) = own
    path = tmp_path / "out.keras"
    facts = lit_tf.export(model, path, x, x, format="keras").facts
    costs = {"name", "bytes", "latency_ms"}
    assert facts["export"].keys() - costs == {"agreement"}
    assert facts["export"]["agreement"] == facts["check"]["same_class"] == 1


@pytest.mark.parametrize(
    ("how", "checked"),
    [
        ({"format": "keras", "calibration_examples": 2}, 64),
        pytest.param(
            {"quantize": "int8", "calibration_examples": 500},
            64,
            marks=needs_litert,
        ),
    ],
)
def test_a_stream_is_checked_on_as_many_examples_as_arrays(
    own, tmp_path, how, checked
):
    model, _, data = own
    batches = tf.data.Dataset.from_tensor_slices(data).batch(80)
    suffix = "keras" if "format" in how else "tflite"
    path = tmp_path / f"out.{suffix}"
    facts = lit_tf.export(model, path, batches, **how).facts
    assert facts["check"]["checked_on"] == checked
    if "quantize" in how:
        known = {"examples": 80, "integer_io": False}
        assert facts["calibration"] == known


@pytest.mark.parametrize("form", ["shuffled", "generator", "endless"])
def test_all_are_measured_on_the_same_batches(own, tmp_path, form):
    model, deep, (x, y) = own
    ordered = tf.data.Dataset.from_tensor_slices((x, y)).batch(30)
    validation, steps = {
        "shuffled": (ordered.unbatch().shuffle(90).batch(30), None),
        "generator": (iter(ordered.as_numpy_iterator()), 3),
        "endless": (iter(ordered.repeat().as_numpy_iterator()), 2),
    }[form]
    facts = lit_tf.export(
        model,
        tmp_path / "out.keras",
        (x, y),
        validation,
        validation_steps=steps,
        teacher=deep,
    ).facts
    assert facts["export"]["agreement"] == 1
    examples = 30 * (steps or 3)
    for role, one in {"teacher": deep, "model": model, "export": model}.items():
        expected = one.evaluate(
            x[:examples], y[:examples], verbose=0, return_dict=True
        )
        for name in ("accuracy", "top_2"):
            assert facts[role][name] == pytest.approx(expected[name])


def test_a_subclassed_teacher_is_refused_before_anything_is_written(
    own, tmp_path
):
    class Subclass(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(errors.SettingsError, match="functional or sequential"):
        lit_tf.export(
            own[0], tmp_path / "out.keras", own[2], teacher=Subclass()
        )
    assert not list(tmp_path.iterdir())


def test_metrics_that_read_other_labels_are_left_out(own, tmp_path, capsys):
    model, _, (x, y) = own
    facts = lit_tf.export(
        keras.models.clone_model(model),
        tmp_path / "plain.keras",
        x,
        (x, y),
    ).facts
    assert facts["model"]["accuracy"] == facts["export"]["accuracy"] < 1
    model = keras.models.clone_model(model)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["f1_score"])
    facts = lit_tf.export(model, tmp_path / "out.keras", x, (x, y)).facts
    assert "f1_score" not in facts["model"]
    assert facts["model"]["accuracy"] == facts["export"]["accuracy"]
    assert "metrics   those that" in capsys.readouterr().out
    model.compile(loss=lambda y, p: p[:, 0])
    lit_tf.export(model, tmp_path / "other.keras", x, (x, y))
    assert "takes its place" not in capsys.readouterr().out  # Nothing trains.


def test_texts_as_labels_are_not_compared(own, tmp_path):
    model, _, (x, y) = own
    data = x, np.array(["ant", "bee", "cow"])[y]
    facts = lit_tf.export(model, tmp_path / "out.keras", data, data).facts
    assert facts["export"]["agreement"] == 1
    assert "accuracy" not in facts["export"]
