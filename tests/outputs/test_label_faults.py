"""Labels that a kind of output cannot be trained on are refused."""

import keras
import numpy as np
import pytest
import slow
import tensorflow as tf

import lit_tf
from lit_tf import errors, outputs
from lit_tf.methods import label_checks

N = 24
X = np.random.default_rng(0).normal(size=(N, 4)).astype("float32")
NUMBERS = np.arange(N) % 3


def with_one(value, labels=NUMBERS):
    """Returns labels of which the last is another one."""
    return np.where(np.arange(N) == N - 1, value, labels)


def model(outputs_=3):
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(outputs_)(inputs))


ONE_HOT = np.eye(3, dtype="float32")[NUMBERS]
CLASSES, LABELS, VALUES = outputs.Classes(), outputs.Labels(), outputs.Values()
# By name: the kind, wrong labels, and what the message says.
REFUSED = {
    "regression": (CLASSES, X[:, 0], r"outputs.Values\(\)`. Received: 0.12"),
    "regression column": (CLASSES, X[:, :1], r"outputs.Values\("),
    "regression rows": (CLASSES, X[:, :3], r"outputs.Values\("),
    "too large": (CLASSES, with_one(3), "numbers, 0 to 2. Received: 3."),
    "negative": (CLASSES, with_one(-1), r"ignore_class=-1\). Received: -1."),
    "negative number": (CLASSES, with_one(-1.0), "ignore_class=-1"),
    "nan": (CLASSES, with_one(np.nan), "Received: nan"),
    "multi-hot": (CLASSES, np.maximum(ONE_HOT, ONE_HOT[::-1]), r"Labels\(\)"),
    "texts": (
        CLASSES,
        np.array(["cat", "dog"] * 12),
        "be numbers. Received: st",
    ),
    "wide": (CLASSES, np.zeros((N, 5)), "one-hot with 3 classes"),
    "labels as numbers": (LABELS, NUMBERS, r"outputs.Classes\(\)"),
    "large labels": (LABELS, 7 * ONE_HOT, "0 or 1, or between"),
    "values as numbers": (VALUES, NUMBERS, "the shape of the outputs"),
    "infinite values": (VALUES, np.where(ONE_HOT, np.inf, 0), "must be finite"),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore:`shuffle=True`")
@pytest.mark.parametrize(
    "source",
    slow.all_but(["arrays", "generator"], ["arrays", "dataset", "generator"]),
)
@pytest.mark.parametrize("case", REFUSED)
def test_wrong_labels_are_refused_in_one_sentence(case, source):
    kind, labels, message = REFUSED[case]
    trainer = lit_tf.Teach(model(), outputs=kind)
    trainer.compile("sgd")
    before = trainer.student.get_weights()
    data = (X, labels)
    if source == "dataset":
        data = (tf.data.Dataset.from_tensor_slices(data).batch(N),)
    elif source == "generator":
        data = ((batch for batch in [data]),)
    with pytest.raises(errors.SettingsError, match=message) as caught:
        trainer.fit(*data, verbose=0)
    assert "\n" not in str(caught.value)
    for one, other in zip(before, trainer.student.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


ACCEPTED = {
    "numbers": (CLASSES, NUMBERS),
    "columns of floats": (CLASSES, NUMBERS[:, np.newaxis].astype("float32")),
    "bytes": (CLASSES, NUMBERS.astype("uint8")),
    "one-hot": (CLASSES, ONE_HOT),
    "smooth": (CLASSES, 0.9 * ONE_HOT + 0.1 / 3),
    "no label": (CLASSES, ONE_HOT * (np.arange(N) < 3)[:, np.newaxis]),
    "soft labels": (LABELS, 0.3 * ONE_HOT),
    "values": (VALUES, X[:, :3]),
    "soft binary labels": (
        outputs.Classes(loss="binary_crossentropy"),
        0.5 * (NUMBERS > 0),
    ),
    "users loss of one logit": (outputs.Classes(loss="mse"), X[:, 0]),
    "users loss": (outputs.Classes(loss="mse"), X[:, :3]),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_right_labels_are_accepted(case):
    kind, labels = ACCEPTED[case]
    trainer = lit_tf.Teach(
        model(1 if "binary" in case or "one logit" in case else 3), outputs=kind
    )
    trainer.compile("sgd")
    report = trainer.test_on_batch(X, labels, return_dict=True)
    assert np.isfinite(float(report["loss"]))


def test_validation_data_are_checked_too():
    trainer = lit_tf.Teach(model())
    trainer.compile("sgd")
    wrong = (X, with_one(5))
    for data in (wrong, tf.data.Dataset.from_tensors(wrong)):
        with pytest.raises(errors.SettingsError, match="Received: 5."):
            trainer.fit(X, NUMBERS, validation_data=data, verbose=0)
        data = data if isinstance(data, tuple) else (data,)
        with pytest.raises(errors.SettingsError, match="Received: 5."):
            trainer.evaluate(*data, verbose=0)


class Batches(keras.utils.PyDataset):
    """Batches of right labels before the last one."""

    def __init__(self, last, **settings):
        super().__init__(**settings)
        self.last = last
        self.ended = 0

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return X, self.last if i == 2 else NUMBERS

    def on_epoch_end(self):
        self.ended += 1


@pytest.mark.parametrize("checked", [True, False])
def test_a_wrong_label_of_a_later_batch_is_refused(checked, monkeypatch):
    if not checked:  # Then the kernel of the loss refuses it.
        monkeypatch.setattr(label_checks, "checked", lambda _, x, y: (x, y))
    trainer = lit_tf.Teach(model())
    trainer.compile("sgd", jit_compile=False)
    with pytest.raises(errors.SettingsError, match="0 to 2. Received: 4."):
        trainer.fit(Batches(with_one(4)), verbose=0)
    right = Batches(NUMBERS)
    history = trainer.fit(right, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2
    assert right.ended >= 2


def test_weights_of_positions_are_refused():
    trainer = lit_tf.Teach(model())
    trainer.compile("sgd")
    with pytest.raises(errors.SettingsError, match="one weight for each exam"):
        trainer.fit(X, NUMBERS, sample_weight=np.ones((N, 3)), verbose=0)


def test_an_ignored_class_counts_nowhere():
    labels = np.where(np.arange(N) % 4 == 0, -1, NUMBERS)
    known = labels >= 0
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=-1
    )
    teacher, student = model(), model()
    reports = []
    for data in ((X, labels), (X[known], NUMBERS[known])):
        trainer = lit_tf.Distill(teacher, student)
        trainer.compile("sgd", loss=loss)
        reports.append(
            trainer.evaluate(*data, batch_size=N, verbose=0, return_dict=True)
        )
    assert reports[0] == pytest.approx(reports[1], rel=1e-5)
    student.compile(loss=loss)
    plain = student.evaluate(X, labels, batch_size=N, verbose=0)
    assert reports[0]["hard"] == pytest.approx(plain, rel=1e-5)
