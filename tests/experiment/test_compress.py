"""`lit_tf.compress`: one call from a user's model and data to a student."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import lit_tf
from lit_tf import config, errors
from lit_tf.config import own_model
from lit_tf.data import own_data
from lit_tf.experiment import own_model_report, step_time

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(96, 6)).astype("float32")
CLASSES = (INPUTS[:, 0] > 0).astype("int32")
VALUES = INPUTS[:, :1]


def built(*ends, **compiled):
    """Returns a model of four blocks, each with a dense layer and a norm.

    Args:
        *ends: units and activation of each output.
        **compiled: arguments of `compile`; without any it is not compiled.
    """
    keras.utils.set_random_seed(1)
    x = start = keras.Input((6,), name="x")
    x = keras.layers.Dense(8, activation="relu", name="stem")(x)
    for j in range(4):
        y = keras.layers.Dense(8, activation="relu", name=f"dense_{j}")(x)
        y = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{j}")(y)
        x = keras.layers.Add(name=f"add_{j}")([x, y])
    outputs = [
        keras.layers.Dense(*end, name=f"end_{k}")(x)
        for k, end in enumerate(ends)
    ]
    model = keras.Model(
        start, outputs if len(outputs) > 1 else outputs[0], name="mine"
    )
    if compiled:
        model.compile("adam", **compiled)
    return model


def classifier(**compiled):
    return built((2, "softmax"), **compiled)


def compress(model, *data, **changes):
    how = {"keep": 2, "epochs": 2, "min_teacher_accuracy": 0}
    return lit_tf.compress(model, *data, **how | changes)


@pytest.fixture(scope="module")
def compiled():
    model = classifier(
        loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    before = [value.copy() for value in model.get_weights()]
    result = compress(model, (INPUTS, CLASSES))
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # The teacher is unchanged.
    return result


def test_the_student_is_a_plain_model_that_answers_as_the_model_does(
    compiled, tmp_path
):
    student = compiled.student
    assert type(student) is type(classifier())
    answers = student.predict(INPUTS, verbose=0)
    np.testing.assert_allclose(answers.sum(axis=-1), 1, rtol=1e-5)
    student.save(tmp_path / "student.keras")
    loaded = keras.models.load_model(tmp_path / "student.keras")
    np.testing.assert_allclose(
        loaded.predict(INPUTS, verbose=0), answers, rtol=1e-6
    )
    found = student.evaluate(INPUTS, CLASSES, verbose=0, return_dict=True)
    assert set(found) == {"loss", "accuracy"}


def test_the_table_has_both_models_and_a_paired_interval(compiled):
    text = str(compiled)
    assert "| accuracy " in text
    assert "teacher mine" in text
    assert "(95 % interval [" in text
    assert "On 10 validation examples" in text
    assert compiled.facts["teacher"]["parameters"] == 490
    assert compiled.facts["blocks"] == [2]
    assert "<table>" in compiled._repr_html_()


def test_the_history_has_the_epochs_of_each_phase(compiled):
    assert list(compiled.history) == ["lit", "fine_tune"]
    for phase in compiled.history.values():
        assert len(phase["val_accuracy"]) == 1


def test_the_settings_of_lit_compress_give_the_same_bits(compiled, tmp_path):
    examples = tf.data.Dataset.from_tensor_slices((INPUTS, CLASSES))
    dataset = lit_tf.data.collected(examples, examples)
    dataset = dataclasses.replace(
        dataset,
        **dict(
            zip(
                ("train", "validation"),
                lit_tf.data.held_out.divide(
                    dataset.train, seed=0, validation_split=0.1
                ),
                strict=True,
            )
        ),
    )
    model = classifier()
    model.save(tmp_path / "mine.keras")
    lit_tf.experiment.compress(
        config.Compress(
            teacher_weights=str(tmp_path / "mine.keras"),
            shrink=config.Shrink(keep=(2,)),
            lit=own_model.LIT,
            fine_tune=own_model.FINE_TUNE,
            loss=config.Loss(
                alpha=own_model.ALPHA,
                temperature=own_model.TEMPERATURE,
                beta=own_model.BETA,
                penalty=own_model.PENALTY,
            ),
            init=own_model.INIT,
            epochs=2,
            fresh_batch_norm=True,
            min_teacher_accuracy=0,
            session=config.Session(workdir=str(tmp_path / "run")),
        ),
        dataset=dataset,
    )
    student = lit_tf.load(tmp_path / "run" / "student.keras")
    for one, other in zip(
        student.get_weights(), compiled.student.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def two_ends():
    return built(
        (2, "softmax"),
        (1,),
        loss=["sparse_categorical_crossentropy", "mse"],
    )


def batches(labels):
    return tf.data.Dataset.from_tensor_slices((INPUTS, labels)).batch(32)


KINDS = {
    "independent labels": (
        lambda: built((3, "sigmoid")),
        (INPUTS, (INPUTS[:, :3] > 0).astype("float32")),
        "accuracy",
    ),
    "several outputs": (
        two_ends,
        batches((CLASSES, VALUES)),
        "output_1_accuracy",
    ),
    "no labels": (lambda: built((4,)), INPUTS, "distance"),
}


@pytest.mark.parametrize(
    ("model", "data", "metric"), KINDS.values(), ids=KINDS.keys()
)
def test_the_kind_of_output_is_derived(model, data, metric):
    model = model()
    validation = data if isinstance(data, tf.data.Dataset) else None
    result = compress(model, data, validation)
    assert metric in result.facts["student"]["metrics"]
    assert keras.tree.map_structure(
        lambda z: z.shape, result.student.output
    ) == keras.tree.map_structure(lambda z: z.shape, model.output)
    assert metric.replace("_", " ") in str(result)


def test_own_optimizer_and_callbacks_train_each_phase():
    seen, rates = [], []

    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(type(self.model).__name__)
            assert isinstance(self.model.optimizer, keras.optimizers.AdamW)

        def on_train_batch_end(self, batch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate.numpy()))

    compress(
        classifier(),
        batches(CLASSES),
        optimizer=keras.optimizers.AdamW(0.125),
        callbacks=[Watch()],
    )
    assert seen == ["LIT", "Distill"]
    assert set(rates) == {0.125}


def test_early_stopping_ends_a_phase():
    stop = keras.callbacks.EarlyStopping(monitor="val_total", min_delta=1e9)
    result = compress(
        classifier(), (INPUTS, CLASSES), epochs=10, callbacks=[stop]
    )
    assert [len(phase["total"]) for phase in result.history.values()] == [2, 2]


def test_stale_statistics_are_estimated_and_it_is_said(capsys):
    compress(classifier(), (INPUTS, CLASSES))
    assert "batch norm  the statistics of 2 layers" in capsys.readouterr().out


@pytest.fixture
def seconds(monkeypatch):
    """An epoch of each phase takes a second, and compiling half of one."""
    measured = {"epoch_seconds": 1.0, "compile_seconds": 0.5}
    monkeypatch.setattr(step_time, "measure", lambda *_: measured)


def test_a_budget_is_kept_to(seconds, capsys):
    result = compress(classifier(), (INPUTS, CLASSES), epochs=None, budget="5s")
    assert (
        "budget    5s: 3 epochs, of which 2 in phase lit and 1 in phase "
        "fine_tune, in about 0:04"
    ) in capsys.readouterr().out
    epochs = [len(phase["total"]) for phase in result.history.values()]
    assert epochs == [2, 1]


def test_a_budget_shorter_than_an_epoch_is_refused(seconds):
    with pytest.raises(errors.SettingsError) as error:
        compress(classifier(), (INPUTS, CLASSES), epochs=None, budget="1s")
    assert str(error.value) == (
        "`budget` must be long enough for an epoch, which takes about 0:02 "
        "here. Received: budget='1s'."
    )


def test_a_run_folder_is_resumed_and_read_again(tmp_path, capsys):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if type(self.model).__name__ == "Distill":
                raise KeyboardInterrupt

    model, data = classifier(), (INPUTS, CLASSES)
    whole = compress(model, data, workdir=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        compress(model, data, workdir=tmp_path / "run", callbacks=[Stop()])
    resumed = compress(model, data, workdir=tmp_path / "run")
    for one, other in zip(
        whole.student.get_weights(), resumed.student.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    again = compress(model, data, workdir=tmp_path / "run")
    assert "is finished" in capsys.readouterr().out
    assert str(again) == str(resumed)
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"report.json", "report.md", "saved_model", "logs"} <= written
    served = tf.saved_model.load(str(tmp_path / "run" / "saved_model"))
    np.testing.assert_allclose(
        served.serve(INPUTS[:4]), resumed.student(INPUTS[:4]), rtol=1e-5
    )


def test_without_a_run_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compress(classifier(), batches(CLASSES), epochs=1)
    assert list(tmp_path.iterdir()) == []


def test_metrics_that_read_other_labels_are_left_out(capsys):
    model = classifier(loss="sparse_categorical_crossentropy")
    one_hot = np.eye(2)[CLASSES]
    dataset = own_data.read(
        (INPUTS, one_hot), (INPUTS, one_hot), rank=2, batch_size=32
    )
    assert own_model_report._own_metrics(model, dataset, known=()) == {}
    assert "metrics   those that mine was compiled" in capsys.readouterr().out


REFUSED = {
    "no model": (
        lambda: ("mine.keras", (INPUTS, CLASSES)),
        {},
        "A model must be a keras.Model. Received: str.",
    ),
    "other inputs": (
        lambda: (classifier(), (INPUTS[:, :3], CLASSES)),
        {},
        "mine cannot be called on the first examples of `train` (",
    ),
    "labels that do not fit": (
        lambda: (classifier(), (INPUTS, CLASSES + 5)),
        {},
        "Labels must be class numbers, 0 to 1. Received: ",
    ),
    "an empty validation set": (
        lambda: (classifier(), (INPUTS, CLASSES), (INPUTS[:0], CLASSES[:0])),
        {},
        "`validation_data` has no examples.",
    ),
    "a dataset that ends early": (
        lambda: (classifier(), iter([(INPUTS[:32], CLASSES[:32])] * 3)),
        {"steps_per_epoch": 2, "epochs": 3},
        "The training data ended early, after batch 1 of 2 in epoch 2.",
    ),
    "a model at chance": (
        lambda: (
            classifier(),
            (INPUTS, CLASSES),
            (INPUTS.repeat(10, axis=0), np.arange(960) % 2),
        ),
        {"min_teacher_accuracy": -1},
        "The model must be better than chance on 960 examples.",
    ),
}


@pytest.mark.filterwarnings("ignore:.*ran out of data")
@pytest.mark.parametrize(
    ("make", "changes", "sentence"), REFUSED.values(), ids=REFUSED.keys()
)
def test_bad_input_is_refused_in_one_sentence(make, changes, sentence):
    with pytest.raises(errors.ALL) as error:
        compress(*make(), **changes)
    assert str(error.value).startswith(sentence)
