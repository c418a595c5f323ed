"""Random-access sources: any object with `len` and `[i]`."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from lit_tf import errors
from lit_tf.data import graph_errors, own_data, sources

INPUTS = np.arange(10, dtype=np.float32)[:, None]
LABELS = np.arange(10) % 2


class Source:
    """A source of examples that a function makes of their numbers."""

    def __init__(self, make, length=10):
        self._make, self._length = make, length

    def __len__(self):
        return self._length

    def __getitem__(self, i):
        return self._make(i)


def pair(i):
    return INPUTS[i], LABELS[i]


def stream(make=pair, length=10, **how):
    source = Source(make, length)
    assert sources.is_source(source)
    how = {"name": "train", "rank": None, "batch_size": 4} | how
    return sources.of(source, **how)


def inputs_of(batches):
    return [x[:, 0].tolist() for x, *_ in batches.as_numpy_iterator()]


@pytest.mark.parametrize(
    "data",
    [
        INPUTS,
        [1, 2],
        {"x": INPUTS},
        tf.constant([1]),
        tf.data.Dataset.range(3),
        iter([1]),
    ],
    ids=lambda data: type(data).__name__,
)
def test_arrays_lists_datasets_and_generators_are_no_sources(data):
    assert not sources.is_source(data)


def test_each_epoch_has_all_examples_in_an_order_of_its_own():
    batches = inputs_of(stream().training(0, 6, seed=3))
    assert [len(batch) for batch in batches] == [4, 4, 2, 4, 4, 2]
    epochs = [sum(batches[:3], []), sum(batches[3:], [])]
    assert epochs[0] != epochs[1] != sorted(epochs[1])
    for epoch in epochs:
        assert sorted(epoch) == INPUTS[:, 0].tolist()
    assert inputs_of(stream().training(0, 3, seed=4)) != batches[:3]


def test_it_begins_at_any_step_with_the_same_batches():
    whole = inputs_of(stream().training(0, 6, seed=3))
    assert inputs_of(stream().training(4, 6, seed=3)) == whole[4:]


def test_validation_reads_it_in_its_own_order():
    assert sum(inputs_of(stream().evaluation()), []) == INPUTS[:, 0].tolist()


def test_dictionaries_pictures_and_texts_are_examples():
    picture = Image.new("RGB", (3, 2), (1, 2, 3))
    forms = {
        "hub": {"image": picture, "label": 1},
        "several": {"image": picture, "text": "ä", "label": 1},
        "alone": {"image": picture},
    }
    found = {
        name: stream(lambda i, form=form: form).spec
        for name, form in forms.items()
    }
    image, label = found["hub"]
    assert image.shape == (None, 2, 3, 3) and image.dtype == tf.uint8
    assert label.shape == (None,)
    inputs, _ = found["several"]
    assert inputs["text"].dtype == tf.string
    assert found["alone"].shape == (None, 2, 3, 3)
    several = stream(lambda i: forms["several"])
    (inputs, _), *_ = several.evaluation().as_numpy_iterator()
    assert inputs["text"][0].decode() == "ä"


def test_examples_of_a_class_have_its_weight_in_training_alone():
    weighed = stream(class_weight={1: 3.0})
    for _, y, w in weighed.training(0, 3, seed=0).as_numpy_iterator():
        np.testing.assert_array_equal(w, np.where(y == 1, 3.0, 1.0))
    assert all(len(batch) == 2 for batch in weighed.evaluation())


def test_a_wrong_length_is_an_error_of_one_sentence():
    longer = stream(length=12, batch_size=2)
    with pytest.raises(errors.DataError) as error, graph_errors.translated():
        inputs_of(longer.evaluation())
    assert str(error.value) == (
        "Example 10 of `train`, which has 12 by its length, cannot be read "
        "(IndexError: index 10 is out of bounds for axis 0 with size 10)."
    )


def test_examples_of_several_shapes_are_refused():
    with pytest.raises(errors.DataError) as error:
        stream(lambda i: (np.zeros(i + 1), 0))
    assert str(error.value).startswith(
        "All examples of `train` must have the form of the first. Received: "
        "another one as number "
    )
    with pytest.raises(errors.DataError, match="`train` has no examples"):
        stream(length=0)
    with pytest.raises(errors.SettingsError, match="numbered examples"):
        own_data.read(Source(pair), rank=2, batch_size=4, steps=2)


def test_lists_are_arrays_and_grey_pictures_have_a_channel():
    tokens = {"input_ids": [1, 2, 3], "label": 0}
    inputs, _ = stream(lambda i: tokens).spec
    assert inputs.shape == (None, 3)
    grey = {"image": Image.new("L", (3, 2)), "label": 0}
    inputs, _ = stream(lambda i: grey, rank=4).spec
    assert inputs.shape == (None, 2, 3, 1)
    _, one_hot = stream(lambda i: (INPUTS[i], [0.0, 1.0])).spec
    assert one_hot.shape == (None, 2)
    with pytest.raises(errors.SettingsError, match="must have 3 dimensions"):
        stream(rank=4)


def test_weights_may_be_whole_and_broken_numbers():
    weighed = stream(lambda i: (INPUTS[i], 0, 1 if i < 4 else 0.5))
    weights = np.concatenate(
        [w for _, _, w in weighed.evaluation().as_numpy_iterator()]
    )
    np.testing.assert_array_equal(weights, [1.0] * 4 + [0.5] * 6)


def test_another_source_of_the_same_form_has_another_fingerprint():
    found = [
        own_data.fingerprint(
            own_data.read(
                Source(lambda i, add=add: (INPUTS[i] + add, LABELS[i])),
                rank=2,
                batch_size=4,
            )
        )
        for add in (0, 0, 1)
    ]
    assert found[0] == found[1] != found[2]
