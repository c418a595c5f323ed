"""A model and its data: names, shapes and types of inputs."""

import keras
import numpy as np
import pytest
import several_inputs

from lit_tf import errors
from lit_tf.sections import data_form, input_shapes, structure

FORM = {"input_shape": {"image": (4, 4, 1), "metadata": (2,)}, "classes": 3}


@pytest.mark.parametrize("nested", [dict, list])
def test_a_dictionary_of_data_fits_a_model_by_the_names_of_its_inputs(nested):
    model = several_inputs.network(nested=nested)
    data_form.check(model, "mine", FORM)
    inputs, _ = several_inputs.examples(5)
    flat = structure.flat_inputs(model, inputs)
    for tensor, array in zip(model.inputs, flat, strict=True):
        assert array is inputs[tensor.name]
    packed = structure.pack_inputs(model, flat)
    np.testing.assert_array_equal(model(packed), model(inputs))


def test_a_tuple_of_data_fits_a_list_of_inputs_by_place():
    model = several_inputs.network(nested=list)
    data_form.check(model, "mine", FORM | {"input_shape": ((2,), (4, 4, 1))})
    with pytest.raises(errors.SettingsError, match="mine has inputs"):
        data_form.check(
            model, "mine", FORM | {"input_shape": ((4, 4, 1), (2,))}
        )


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"image": (4, 4, 1), "meta": (2,)}, "lack metadata. The .* take meta"),
        ({"image": (4, 4, 1)}, "The data lack metadata."),
        (
            {"image": (4, 4, 1), "metadata": (3,)},
            r"metadata \(3,\) and 3 class",
        ),
        ((4, 4, 1), r"inputs \(4, 4, 1\) and 3 .* image \(4, 4, 1\) and meta"),
        (((4, 4, 1), (2,)), r"inputs 0 \(4, 4, 1\) and 1 \(2,\)"),
    ],
)
def test_data_of_other_inputs_are_refused_by_name(shapes, message):
    model = several_inputs.network()
    with pytest.raises(errors.SettingsError, match=message):
        data_form.check(model, "mine", FORM | {"input_shape": shapes})


def test_a_model_of_strings_is_not_for_the_characters_of_a_table():
    texts = keras.Input((1,), name="texts", dtype="string")
    words = keras.layers.TextVectorization(vocabulary=["good", "bad"])
    x = keras.layers.Embedding(4, 3)(words(texts))
    x = keras.layers.GlobalAveragePooling1D()(x)
    model = keras.Model(texts, keras.layers.Dense(2)(x), name="words")
    form = {"input_shape": (1014,), "alphabet": "ab"}
    for classes in (2, 0):  # Texts with labels, and alone.
        with pytest.raises(errors.SettingsError, match="in Python, lit_tf.com"):
            data_form.check(model, "csv", form | {"classes": classes})


def test_an_input_that_cannot_hold_the_data_is_refused_by_name():
    ids = keras.Input((4,), name="ids", dtype="int32")
    x = keras.layers.Embedding(5, 3)(ids)
    x = keras.layers.GlobalAveragePooling1D()(x)
    model = keras.Model(ids, keras.layers.Dense(2)(x), name="words")
    for fitting in (np.zeros((2, 4), bool), np.ones((2, 4))):
        data_form.check_values(model, "mine", fitting)
    for other, found in (
        (np.full((2, 4), 0.5), "fractions"),
        (np.full((2, 4), b"a", object), "string"),
    ):
        message = f"'ids' of words takes int32. Received: {found} in mine"
        with pytest.raises(errors.SettingsError, match=message):
            data_form.check_values(model, "mine", {"ids": other})


def test_open_sizes_of_several_inputs_are_those_of_the_data():
    inputs = [keras.Input((None,), name=name) for name in ("b", "a")]
    tokens = keras.layers.Embedding(7, 3)(inputs[0])
    mask = keras.layers.Reshape((-1, 1))(inputs[1])
    x = keras.layers.Multiply()([tokens, mask])
    x = keras.layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, keras.layers.Dense(3)(x), name="open")
    form = {"input_shape": {"a": (6,), "b": (6,)}, "classes": 3}
    fixed = input_shapes.fixed(model, data_form.inputs_of(form))
    assert [tensor.shape for tensor in fixed.inputs] == [(None, 6)] * 2
    assert structure.names_of(fixed) == ("b", "a")
    data_form.check(fixed, "mine", form)


class Positions(keras.layers.Layer):
    """Adds a table of positions, as the layer of KerasHub does."""

    def build(self, shape):
        self.position_embeddings = self.add_weight(shape=(6, shape[-1]))

    def call(self, x):
        return x + self.position_embeddings[: x.shape[1]]

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def words(length=None):
    """Returns a classifier of token ids of a vocabulary of 5."""
    ids = keras.Input((length,), name="ids", dtype="int32")
    x = keras.layers.Embedding(5, 3, name="words")(ids)
    x = Positions(name="positions")(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(ids, keras.layers.Dense(2)(x), name="text")


def test_sequences_beyond_the_table_of_positions_are_refused():
    form = {"input_shape": (6,), "classes": 2}
    data_form.check(words(6), "mine", form)
    message = "at most 6, the positions of its layer 'positions'. Received: 7"
    with pytest.raises(errors.SettingsError, match=message):
        data_form.check(words(7), "mine", form | {"input_shape": (7,)})


def test_other_weights_of_positions_are_no_table():
    class Added(keras.layers.Layer):
        def build(self, shape):
            self.position_embeddings = self.add_weight(shape=(1, *shape[1:]))

        def call(self, x):
            return x + self.position_embeddings

    x = inputs = keras.Input((6, 3))
    x = keras.layers.GlobalAveragePooling1D()(Added()(x))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    data_form.check(model, "mine", {"input_shape": (6, 3), "classes": 2})


def test_token_ids_beyond_the_vocabulary_are_refused():
    for good in (0, 4):
        data_form.check_values(words(2), "mine", np.full((3, 2), good))
    for bad in (-1, 5):
        message = f"'ids' .* from 0 to 4, .* layer 'words'. Received: {bad} in"
        with pytest.raises(errors.SettingsError, match=message):
            data_form.check_values(words(2), "mine", np.full((3, 2), bad))


def test_a_number_of_inputs_is_no_vocabulary():
    class Scaled(keras.layers.Layer):
        input_dim = 3

        def call(self, x):
            return 2 * x

    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, Scaled()(inputs))
    data_form.check_values(model, "mine", np.float32([[-1, 5, 9]]))
    with pytest.raises(errors.SettingsError, match="takes float32. Received"):
        data_form.check_values(model, "mine", np.zeros((1, 3), "M8[s]"))
