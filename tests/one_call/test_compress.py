"""`lit_tf.compress`: one call from a user's model and data to a student."""

import dataclasses
import re

import keras
import numpy as np
import pytest
import slow
import tensorflow as tf
from own_models import CLASSES, INPUTS, VALUES, built, classifier, compress

import lit_tf
from lit_tf import config, layers
from lit_tf.config import own_model

pytestmark = pytest.mark.usefixtures("quick")


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
