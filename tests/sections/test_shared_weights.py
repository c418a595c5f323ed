"""Weights that several layers share stay shared."""

import keras
import numpy as np
import pytest
from chains import chain, randomize, small
from dense_parts import residual

import lit_tf
from lit_tf import errors, layers
from lit_tf.sections import copying, plain_form


@keras.saving.register_keras_serializable("tests")
class Tied(keras.layers.Layer):
    """A head that reuses the table of an embedding."""

    def __init__(self, embedding, **kwargs):
        super().__init__(**kwargs)
        self.embedding = embedding
        self.built = True

    def call(self, x):
        return keras.ops.matmul(x, keras.ops.transpose(self.table))

    @property
    def table(self):
        return self.embedding.embeddings

    def get_config(self):
        embedding = keras.saving.serialize_keras_object(self.embedding)
        return super().get_config() | {"embedding": embedding}

    @classmethod
    def from_config(cls, config):
        embedding = keras.saving.deserialize_keras_object(config["embedding"])
        return cls(**config | {"embedding": embedding})


def _tied():
    embedding = keras.layers.Embedding(10, 6)
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.GlobalAveragePooling1D()(embedding(inputs))
    return keras.Model(inputs, residual(x, Tied(embedding, name="tied")))


def test_weights_that_layers_share_stay_shared():
    model = _tied()
    copy = copying.copy_model(model)
    assert len(copy.variables) == len(model.variables)
    embedding, tied = copy.layers[1], copy.get_layer("tied")
    embedding.embeddings.assign(embedding.embeddings + 1)
    np.testing.assert_array_equal(tied.table, embedding.embeddings)


def test_weights_that_stem_and_head_share_stay_shared(tmp_path):
    model = _tied()
    cut = lit_tf.split(model, lit_tf.plan(model).cuts)
    assert len(cut.variables) == len(model.variables)
    x = np.arange(10).reshape(2, 5)
    lit_tf.sections.model_files.save(cut, tmp_path / "cut.keras")
    for copy in (copying.copy_model(cut), lit_tf.load(tmp_path / "cut.keras")):
        assert len(copy.variables) == len(model.variables)
        np.testing.assert_array_equal(copy(x), model(x))
        (table,) = [v for v in copy.variables if v.shape == (10, 6)]
        assert any(v is table for v in copy.stem.variables)
        assert any(v is table for v in copy.head.variables)


def test_a_model_is_not_cut_between_layers_that_share_weights():
    x = inputs = keras.Input((6,))
    layer = keras.layers.Dense(6, name="shared")
    x = layer(x)
    for name in ("one", "two"):
        x = keras.layers.Dense(6, name=name)(x)
    outputs = keras.layers.Dense(2, name="dense")(layer(x))
    model = keras.Model(inputs, outputs)
    words = "weights of 'shared' are used on both sides"
    with pytest.raises(errors.SettingsError, match=words):
        lit_tf.split(model, ["shared:1", "shared:2"])
    lit_tf.split(model, ["shared:1", "two"])


@keras.saving.register_keras_serializable("test_shared_weights")
class Transposed(keras.layers.Layer):
    """Multiplies by the kernel of another layer, as the head of a BERT does."""

    def __init__(self, other, **kwargs):
        super().__init__(**kwargs)
        self.other = other

    def call(self, inputs):
        return keras.ops.matmul(inputs, keras.ops.transpose(self.other.kernel))

    def get_config(self):
        other = keras.saving.serialize_keras_object(self.other)
        return super().get_config() | {"other": other}

    @classmethod
    def from_config(cls, config):
        other = keras.saving.deserialize_keras_object(config["other"])
        return cls(**config | {"other": other})


def tied(kind):
    """Returns layers for a stem and a head that have one in common."""
    one = keras.layers.Dense(4, name="tied")
    relu = keras.layers.ReLU(name="relu")
    if kind == "a layer":
        return [one, relu], [keras.layers.Dense(4, name="dense"), one, relu]
    if kind == "a layer called twice":
        return [one, relu, one], [one, relu, one]
    if kind == "a layer of lit_tf":
        one = layers.BatchNormalization(name="tied")
        return [one], [relu, one]
    if kind == "a nested model":
        nested = chain(keras.Input((4,)), one, relu, name="nested")
        return [nested], [one, nested]
    if kind == "a layer with another one as its argument":
        return [one], [Transposed(one, name="transposed")]
    return [keras.Sequential([keras.Input((4,)), one, relu])], [one]


@pytest.mark.parametrize(
    "kind",
    [
        "a layer",
        "a layer called twice",
        "a layer of lit_tf",
        "a nested model",
        "a layer with another one as its argument",
        "a layer of a sequential model",
    ],
)
def test_stem_and_head_still_share(kind, tmp_path):
    stem, head = tied(kind)
    model = small(stem=stem, head=head)
    randomize(model)
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    expected = np.asarray(model(x))
    for load in (keras.models.load_model, lit_tf.load):
        again = load(tmp_path / "model.keras")
        assert len(again.variables) == len(model.variables)
        np.testing.assert_allclose(again(x), expected, rtol=1e-5, atol=1e-6)
        # A step that changes the shared variables changes both ends.
        for variable in (again, model):
            for one in variable.trainable_variables:
                one.assign(one + 0.1)
        np.testing.assert_allclose(again(x), model(x), rtol=1e-5, atol=1e-6)
        randomize(model)


@pytest.mark.keras_faults
def test_keras_itself_does_not_keep_a_layer_shared(tmp_path):
    stem, head = tied("a layer")
    model = small(stem=stem, head=head)
    plain, _ = plain_form.plain_form(model)
    plain.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="'tied' expected 2 variables"):
        keras.models.load_model(tmp_path / "model.keras")
