"""The user's own batches, as streams and as arrays."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import errors
from lit_tf.data import own_data, streams
from lit_tf.data.dataset import Split

INPUTS = np.arange(10.0)[:, None]
LABELS = np.arange(10) % 2


def batched(size=4):
    return tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)).batch(size)


def inputs_of(batches):
    return [x.numpy()[:, 0].tolist() for x, *_ in batches]


class Sequence(keras.utils.PyDataset):
    """Five batches of two examples; counts its epochs."""

    epochs = 0

    def __len__(self):
        return 5

    def __getitem__(self, i):
        return INPUTS[2 * i : 2 * i + 2], LABELS[2 * i : 2 * i + 2]

    def on_epoch_end(self):
        self.epochs += 1


def test_a_dataset_is_read_epoch_after_epoch():
    stream = streams.of(batched(), name="train")
    assert (stream.steps, stream.batch_size) == (3, 4)
    first = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert inputs_of(stream.training(0, 5, seed=0)) == first + first[:2]
    assert inputs_of(stream.evaluation()) == first


def test_a_stream_resumes_within_an_epoch():
    stream = streams.of(batched(), name="train")
    whole = inputs_of(stream.training(0, 8, seed=0))
    assert inputs_of(stream.training(4, 8, seed=0)) == whole[4:]


def test_it_is_noticed_whether_the_order_changes():
    shuffled = batched(1).shuffle(10, seed=1)
    kept, changed = (
        streams.of(data, name="train", class_weight={1: 2.0})
        for data in (batched(1), shuffled)
    )
    assert kept.keeps_order()
    assert not changed.keeps_order()


def test_steps_of_finite_data_go_on_where_the_epoch_before_ended():
    stream = streams.of(batched(), name="train", steps=2)
    assert inputs_of(stream.training(0, 4, seed=0))[2:] == [
        [8, 9],
        [0, 1, 2, 3],
    ]


def test_a_sequence_learns_of_the_end_of_each_epoch():
    sequence = Sequence()
    stream = streams.of(sequence, name="train")
    assert stream.steps == 5
    assert len(inputs_of(stream.training(0, 11, seed=0))) == 11
    assert sequence.epochs == 2


def test_a_generator_loses_no_batch():
    batches = ((INPUTS[i : i + 1], LABELS[i : i + 1]) for i in range(10))
    stream = streams.of(batches, name="train", steps=5)
    assert inputs_of(stream.training(0, 10, seed=0)) == [
        [float(i)] for i in range(10)
    ]


def test_the_batches_of_data_of_unknown_length_are_counted(capsys):
    batches = batched(2).filter(lambda x, y: x[0, 0] < 5)
    assert streams.of(batches, name="train").steps == 3
    assert "train: counting" in capsys.readouterr().out


@pytest.mark.parametrize("labels", [LABELS, np.eye(2)[LABELS]])
def test_class_weights_multiply_those_of_the_examples(labels):
    arrays = (INPUTS, labels, np.full(10, 0.5, "float32"))
    stream = streams.of(arrays, name="train", class_weight={1: 3.0})
    _, _, weights = next(iter(stream.evaluation()))
    np.testing.assert_allclose(weights, np.where(LABELS, 1.5, 0.5))


REFUSED = {
    "not batched": (
        tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)),
        "`train` must hold batches, [batch, ...]: call `.batch(32)`. "
        "Received: examples of shape (1,).",
    ),
    "without a rank": (
        tf.data.Dataset.from_generator(
            lambda: iter([]), output_types=(tf.float32, tf.int32)
        ),
        "`train` has no batches.",
    ),
    "without an end": (
        batched().repeat(),
        "`train` has no end: pass `steps_per_epoch`. Received: "
        "steps_per_epoch=None.",
    ),
    "empty": (batched().take(0), "`train` has no batches."),
    "of two lengths": (
        (INPUTS, LABELS[:3]),
        "`train` must be arrays of one length, such as (inputs, labels). A "
        "list of arrays has one for each input of the model; other lists have "
        "rows of one length. Received: shapes=[(10, 1), (3,)].",
    ),
    "a path": (
        "images/",
        "`train` must be what `keras.Model.fit` takes: a batched "
        "tf.data.Dataset, a PyDataset, a generator of batches, or arrays "
        "(inputs, labels) of one length (",
    ),
}


@pytest.mark.parametrize(
    ("data", "sentence"), REFUSED.values(), ids=REFUSED.keys()
)
def test_other_data_are_refused_in_one_sentence(data, sentence):
    with pytest.raises(errors.ALL) as error:
        own_data.read(data, rank=2, batch_size=4)
    assert str(error.value).startswith(sentence)


def test_batches_without_a_rank_are_refused():
    batches = tf.data.Dataset.from_generator(
        lambda: iter([(INPUTS, LABELS)]), output_types=(tf.float32, tf.int32)
    )
    with pytest.raises(errors.SettingsError, match="must have a known rank"):
        own_data.read(batches, rank=2, batch_size=4)


def test_arrays_are_read_by_number_and_a_part_validates():
    dataset = own_data.read(
        (INPUTS, LABELS), rank=2, batch_size=4, validation_split=0.2
    )
    assert isinstance(dataset.train, Split)
    assert (len(dataset.train), len(dataset.validation)) == (8, 2)
    together = np.concatenate([dataset.train.inputs, dataset.validation.inputs])
    np.testing.assert_array_equal(np.sort(together, axis=0), INPUTS)


def test_lists_of_numbers_and_texts_are_arrays():
    for data in (
        (INPUTS.tolist(), LABELS.tolist()),
        [INPUTS.tolist(), LABELS.tolist()],
        ({"x": INPUTS.tolist()}, LABELS.tolist()),
        (["a text"] * 10, tuple(LABELS)),
        [INPUTS, LABELS.tolist()],
        (INPUTS, LABELS, None),
    ):
        dataset = own_data.read(data, rank=None, batch_size=4)
        assert isinstance(dataset.train, Split)
        assert len(dataset.train) == 10
        np.testing.assert_array_equal(dataset.train.labels, LABELS)


def test_weights_make_a_stream_of_arrays():
    dataset = own_data.read(
        (INPUTS, LABELS), rank=2, batch_size=4, class_weight={1: 2.0}
    )
    assert isinstance(dataset.train, streams.Stream)
    assert dataset.validation is None
    divided = own_data.read(
        (INPUTS, LABELS, LABELS), rank=2, batch_size=4, validation_split=0.2
    )
    assert (len(divided.train), len(divided.validation)) == (8, 2)


def test_labels_as_objects_are_read():
    labels = LABELS.astype(object)
    dataset = own_data.read((INPUTS, labels), rank=2, batch_size=4)
    assert dataset.train.labels.dtype == np.int64
