"""`lit_tf.compress`: one call from a user's model and data to a student."""

import dataclasses
import json
import re

import eager
import keras
import numpy as np
import pytest
import slow
import tensorflow as tf
from own_models import CLASSES, INPUTS, VALUES, built, classifier, compress

import lit_tf
from lit_tf import config, errors, layers
from lit_tf.comparison import gather
from lit_tf.config import own_model
from lit_tf.methods import channel_pruning
from lit_tf.one_call import report


@pytest.fixture(scope="module", autouse=True)
def _eager():
    with eager.steps(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_LATENCY_RUNS", 2)
        yield


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


def test_the_report_has_single_classes_and_the_blocks_that_were_kept(compiled):
    facts, text = compiled.facts, str(compiled)
    assert [one["class"] for one in facts["per_class"]] == ["0", "1"]
    right = sum(one["student"] * one["examples"] for one in facts["per_class"])
    accuracy = facts["student"]["metrics"]["accuracy"]
    assert right / 10 == pytest.approx(accuracy)
    wrong = sum(one["examples"] for one in facts["confused"])
    assert wrong / 10 == pytest.approx(1 - accuracy)
    assert "| class | validation examples | teacher | student |" in text
    assert "Section 1 keeps 2 of the teacher's 4 blocks: 1, 4." in text


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
    ("model", "data", "metric"),
    slow.all_but([KINDS["several outputs"]], KINDS.values()),
    ids=KINDS.keys(),
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


@pytest.mark.slow
def test_early_stopping_ends_a_phase():
    stop = keras.callbacks.EarlyStopping(monitor="val_total", min_delta=1e9)
    model = classifier(loss=lambda y, p: -keras.ops.log(p[:, 0]))
    result = compress(
        model, (INPUTS, CLASSES), epochs=10, callbacks=stop, keep=[2]
    )
    # Keras cannot write down a loss that is a function.
    assert not result.student.compiled
    assert [len(phase["total"]) for phase in result.history.values()] == [2, 2]


@pytest.mark.slow
def test_a_model_in_half_precision_gives_a_student_in_float32():
    with layers.pinned("float16"):
        model = classifier()
    student = compress(model, (INPUTS, CLASSES), epochs=1).student
    assert {v.dtype for v in student.variables} == {"float32"}
    assert np.isfinite(student.predict(INPUTS, verbose=0)).all()


@pytest.mark.slow
def test_norms_that_are_not_fused_and_stale_statistics_are_named(capsys):
    compress(classifier(), (INPUTS, CLASSES))
    out = capsys.readouterr().out
    assert "batch norm  the statistics of 2 layers" in out
    assert re.search(
        "batch norm  0 of 2 layers are fused in training steps; not "
        r"norm_\d, norm_\d \(rank 2, at which Keras is as fast\)",
        out,
    )


@pytest.mark.slow
def test_a_budget_is_kept_to(measured_seconds, capsys):
    result = compress(classifier(), (INPUTS, CLASSES), epochs=None, budget="5s")
    assert (
        "budget    5s: 3 epochs, of which 2 in phase lit and 1 in phase "
        "fine_tune, in about 0:04"
    ) in capsys.readouterr().out
    epochs = [len(phase["total"]) for phase in result.history.values()]
    assert epochs == [2, 1]


def test_a_run_that_ended_within_a_validation_resumes(compiled, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            raise KeyboardInterrupt

    model, data = classifier(), (INPUTS, CLASSES)
    with pytest.raises(KeyboardInterrupt):
        compress(model, data, workdir=tmp_path / "run", callbacks=[Stop()])
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    how = {"workdir": tmp_path / "run", "callbacks": [log]}
    resumed = compress(model, data, **how)
    assert resumed.history == compiled.history
    for one, other in zip(
        compiled.student.get_weights(),
        resumed.student.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_a_run_folder_is_resumed_and_read_again(compiled, tmp_path, capsys):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if type(self.model).__name__ == "Distill":
                raise KeyboardInterrupt

    model, data = classifier(), (INPUTS, CLASSES)
    with pytest.raises(KeyboardInterrupt):
        compress(model, data, workdir=tmp_path / "run", callbacks=[Stop()])
    resumed = compress(model, data, workdir=tmp_path / "run")
    for one, other in zip(
        compiled.student.get_weights(),
        resumed.student.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    # A run of an earlier version, which did not have this setting.
    begun = json.loads((tmp_path / "run" / "config.json").read_text())
    del begun["settings"]["fast_layers"]
    (tmp_path / "run" / "config.json").write_text(json.dumps(begun))
    again = compress(model, data, workdir=tmp_path / "run")
    (tmp_path / "run" / "export_keras.json").mkdir()
    with pytest.raises(errors.DataError, match="is a folder, not a file"):
        again.export(tmp_path / "s.keras")
    (tmp_path / "run" / "export_keras.json").rmdir()
    again.export(tmp_path / "s.keras")
    facts = json.loads((tmp_path / "run" / "export_keras.json").read_text())
    assert facts["export"]["accuracy"] == facts["model"]["accuracy"]
    assert facts["teacher"]["latency_ms"] > 0
    other = classifier()
    other.set_weights([2 * value for value in model.get_weights()])
    for arguments in ((other, data), (model, (INPUTS + 1, CLASSES))):
        with pytest.raises(errors.DataError, match="started with another"):
            compress(*arguments, workdir=tmp_path / "run")
    assert "is finished" in capsys.readouterr().out
    assert str(again) == str(resumed)
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"report.json", "report.md", "saved_model", "logs"} <= written
    gathered = gather.gather([str(tmp_path / "run")], str(tmp_path / "all"))
    (row,) = gathered["data"][0]["rows"]
    best = max(
        np.concatenate([p["val_accuracy"] for p in compiled.history.values()])
    )
    assert row["accuracies"]["validation_best"] == [pytest.approx(best)]
    assert row["train_examples"] == 2 * 86
    served = tf.saved_model.load(str(tmp_path / "run" / "saved_model"))
    np.testing.assert_allclose(
        served.serve(INPUTS[:4]), resumed.student(INPUTS[:4]), rtol=1e-5
    )


def test_without_a_run_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compress(classifier(), batches(CLASSES), epochs=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_source_and_lists_give_the_bits_of_their_arrays():
    class Source:
        def __len__(self):
            return len(INPUTS)

        def __getitem__(self, i):
            return INPUTS[i], CLASSES[i]

    model, validation = classifier(), (INPUTS[:9], CLASSES[:9])
    numbers = {"keep": np.int64(2), "batch_size": np.int64(32)}
    students = [
        compress(model, data, validation, **numbers).student
        for data in (Source(), (INPUTS.tolist(), CLASSES.tolist()))
    ]
    students.append(compress(model, (INPUTS, CLASSES), validation).student)
    for one, *others in zip(*(s.get_weights() for s in students), strict=True):
        for other in others:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("form", [(-1,), (-1, 1)])
def test_one_sigmoid_may_have_labels_of_floats(form):
    model = built((1, "sigmoid"), loss="binary_crossentropy")
    labels = CLASSES.astype("float32").reshape(form)
    facts = compress(model, (INPUTS, labels)).facts
    assert facts["comparison"]["difference"]["of"] == "accuracy"
    assert sum(one["examples"] for one in facts["per_class"]) == 10


class OwnDense(keras.layers.Dense):
    """A class that is not registered."""


def test_a_finished_run_of_a_class_that_is_not_registered_is_read(tmp_path):
    def model():
        layers = [OwnDense(6, activation="relu") for _ in range(4)]
        model = keras.Sequential(
            [keras.Input((6,)), *layers, keras.layers.Dense(2)]
        )
        model.compile(loss=lambda y, z: z[:, 0], metrics=["accuracy"])
        return model

    own = model()
    arguments = {"cuts": [layer.name for layer in own.layers[:4:3]]}
    arguments |= {"keep": 1, "workdir": tmp_path / "run", "init": "fresh"}
    kind = lit_tf.outputs.Classes()
    first = compress(own, (INPUTS, CLASSES), outputs=kind, **arguments)
    again = compress(own, (INPUTS, CLASSES), outputs=kind, **arguments)
    np.testing.assert_array_equal(
        first.student.predict(INPUTS, verbose=0),
        again.student.predict(INPUTS, verbose=0),
    )
    (tmp_path / "run" / "student.keras").write_bytes(b"PK")
    with pytest.raises(errors.DataError, match="is damaged. Pass overwrite=Tr"):
        compress(own, (INPUTS, CLASSES), outputs=kind, **arguments)


def test_a_run_with_a_metric_of_nan_ends_with_its_report(tmp_path):
    class Undefined(keras.metrics.MeanSquaredError):
        def result(self):
            return super().result() * float("nan")

    model = built((1,), loss="mse", metrics=[Undefined(name="undefined")])
    one = INPUTS[:1], VALUES[:1]
    result = compress(model, (INPUTS, VALUES), one, workdir=tmp_path)
    assert "On 1 validation examples the student's loss is" in str(result)
    assert "interval" not in str(result)
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["teacher"]["metrics"]["undefined"] is None


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


def test_a_run_of_one_epoch_ends_with_its_report(tmp_path):
    data = INPUTS, CLASSES
    result = compress(classifier(), data, epochs=1, workdir=tmp_path / "run")
    assert [*result.history] == ["lit"]
    assert (tmp_path / "run" / "report.json").is_file()


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
