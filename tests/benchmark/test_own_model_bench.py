"""`lit-benchmark` of a model in a file, on random and on real data."""

import json

import keras
import numpy as np
import pytest

from lit_tf import config, errors
from lit_tf.benchmark import own_model_bench, peer, pieces, random_data, timing
from lit_tf.benchmark.settings import Settings
from lit_tf.config import flatten
from lit_tf.layers import fast_layers

HALF = config.Shrink(compression=1.5)


def settings_of(model, folder, **changes):
    model.save(folder / "model.keras")
    how = {"shrink": HALF, "batch_size": 8, "steps": 1} | changes
    return Settings(teacher_weights=str(folder / "model.keras"), **how)


def blocks(x, count=4, activation="relu"):
    for _ in range(count):
        y = keras.layers.Dense(8, activation=activation)(x)
        x = keras.layers.Add()([x, y])
    return x


def texts():
    """Returns a model of token ids and a mask in a dictionary."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.Input((None,), dtype="bool", name="mask")
    weight = keras.layers.Reshape((-1, 1))(keras.ops.cast(mask, "float32"))
    x = keras.layers.Embedding(7, 8)(keras.layers.Reshape((-1,))(ids)) * weight
    x = keras.layers.BatchNormalization()(blocks(x))
    x = keras.layers.GlobalAveragePooling1D()(x)
    x = keras.layers.Dense(3, activation="softmax")(x)
    return keras.Model({"ids": ids, "mask": mask}, x, name="texts")


def images(*last, size=(8, 8, 1), augmented=False):
    x = inputs = keras.Input(size)
    if augmented:
        x = keras.layers.RandomFlip()(x)
    x = keras.layers.Dense(8)(x)
    x = keras.layers.BatchNormalization()(blocks(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = [keras.layers.Dense(*end)(x) for end in last]
    return keras.Model(inputs, outputs if outputs[1:] else outputs[0])


@pytest.mark.slow
def test_a_model_of_texts_is_timed_with_all_pieces(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(pieces._SIDES, "CPU", 64)
    monkeypatch.setattr(timing, "_WARM_UP", 1)
    results = timing.run(settings_of(texts(), tmp_path))
    out = capsys.readouterr().out
    assert "texts → texts_2 on random exclusive classes, batch 8" in out
    for name in pieces.PIECES:
        assert results[f"{name}_ms"] > 0
        assert f"\n| {timing._LABELS[name]} " in out
    for name in ("limit", "peer", "matmul"):
        assert results[f"ratio_to_{name}"] > 0
    assert results["ratio_of_cached"] > 0
    assert json.loads(json.dumps(results, allow_nan=False))


def test_random_inputs_have_the_form_of_the_model():
    dataset = random_data.of_model(
        random_data.sized(texts(), 5), examples=40, batch_size=8, seed=0
    )
    inputs, labels = dataset.train.inputs, dataset.train.labels
    assert {k: (v.shape, v.dtype.name) for k, v in inputs.items()} == {
        "ids": ((40, 5), "int32"),
        "mask": ((40, 5), "bool"),
    }
    assert set(np.unique(inputs["ids"])) == set(range(7))
    assert inputs["mask"].all()
    assert set(labels) == {0, 1, 2}
    pixels = random_data.of_model(
        random_data.sized(images((2,), size=(None, 4, 3))),
        examples=3,
        batch_size=3,
        seed=0,
    ).train.inputs
    assert pixels.shape == (3, 224, 4, 3)
    assert 0 <= pixels.min() < pixels.max() < 1


@pytest.mark.parametrize(
    ("ends", "shapes"),
    [
        ([(5, "softmax")], [(4,)]),
        ([(5,)], [(4,)]),
        ([(1, "sigmoid")], [(4,)]),
        ([(5, "sigmoid")], [(4, 5)]),
        ([(1,)], [(4, 1)]),
        ([(5,), (1,)], [(4,), (4, 1)]),
    ],
)
def test_random_labels_have_the_kind_of_the_output(tmp_path, ends, shapes):
    made = own_model_bench.bench_of(
        settings_of(images(*ends), tmp_path, batch_size=4)
    )
    labels = made.batch[1]
    labels = labels if isinstance(labels, tuple) else [labels]
    assert [tuple(one.shape) for one in labels] == shapes
    made.pair()  # Teacher and student fit this kind of output.
    assert (peer.loss_of(made.outputs) is None) == (len(ends) > 1)


def test_what_cannot_be_timed_is_named(tmp_path):
    made = own_model_bench.bench_of(
        settings_of(images((5,), augmented=True), tmp_path)
    )
    with pytest.raises(pieces.NotTimedError, match="augmentation layers"):
        pieces.PIECES["cached_step"](made)
    times = dict.fromkeys(
        set(pieces.PIECES) - {"cached_step", "peer_step"}, 0.5
    )
    results = timing._ratios(times, dict.fromkeys(times, 8))
    assert results["cached_step_ms"] is results["ratio_to_peer"] is None
    words = timing._words(results)
    assert "limit" in words and "keras.distillation" not in words


@pytest.mark.parametrize("name", ["teacher", "sections"])
def test_what_the_limit_adds_up_has_faster_layers(tmp_path, monkeypatch, name):
    computed = []

    def gelu(x):
        computed.append(x)
        return keras.ops.relu(x)

    forms = {keras.activations.gelu: gelu, gelu: gelu}
    monkeypatch.setattr(fast_layers, "compiled_form", forms.get)
    x = inputs = keras.Input((8,))
    x = blocks(keras.layers.Dense(8)(x), activation="gelu")
    model = keras.Model(inputs, keras.layers.Dense(3)(x))
    how = config.Shrink(keep=(1, 1), sections=2)
    made = own_model_bench.bench_of(settings_of(model, tmp_path, shrink=how))
    piece = pieces.PIECES[name](made)
    assert not computed
    piece.call()
    assert computed


def test_real_data_are_those_of_lit_compress(tmp_path):
    settings = settings_of(images((10,)), tmp_path, dataset="digits")
    assert settings.real
    made = own_model_bench.bench_of(settings)
    assert made.dataset.name == "digits"
    assert made.batch[0].shape == (8, 8, 8, 1)
    first, second = made.pair()[1], made.plain_trainer().student
    assert first is not second
    assert first.count_params() == second.count_params()
    read = flatten.build(
        Settings, json.loads(json.dumps(flatten.flatten(settings)))
    )
    assert read == settings


def test_a_model_that_is_missing_or_cannot_be_cut_is_refused(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    made = own_model_bench.bench_of(settings_of(model, tmp_path))
    with pytest.raises(errors.SettingsError, match="repeats blocks"):
        made.pair()
    (tmp_path / "model.keras").unlink()
    with pytest.raises(errors.DataError, match="There is no model file"):
        own_model_bench.bench_of(
            Settings(teacher_weights=str(tmp_path / "model.keras"), shrink=HALF)
        )
