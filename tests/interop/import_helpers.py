"""Files to import, and functions that import them."""

import keras
import numpy as np
import pytest
import seeds

import lit_tf
from lit_tf import config, data, models
from lit_tf.interop import import_model
from lit_tf.models import torch_weights

DIGITS = data.DATASETS["digits"].form()


def publish(path, name="resnet8", **form):
    """Writes seeded weights under published names; returns the model."""
    seeds.set_all(7)
    model = models.get(name)(**DIGITS | form)
    # Statistics that differ from the initial ones.
    shape = (8, *model.input_shape[1:])
    model(np.random.default_rng(0).normal(size=shape), training=True)
    arrays = {
        f"module.{name}": torch_weights.to_torch(variable)
        for name, variable in models.torch_variables(model).items()
    }
    np.savez(path, **arrays)
    return model


def plain_model(*, classes=10, last="softmax"):
    """Returns a plain Keras model for the digits."""
    x = keras.Input((8, 8, 1))
    y = keras.layers.Flatten()(x)
    y = keras.layers.Dense(classes, activation=last)(y)
    return keras.Model(x, y, name="plain")


def run_import(source, output=None, **settings):
    """Imports a file for the digits; returns the results and the model."""
    output = output or source.with_name("out.keras")
    chosen = config.Data(dataset=settings.pop("dataset", "digits"))
    results = import_model.import_model(
        str(source), str(output), chosen, **settings
    )
    return results, lit_tf.load(output)


CHECKPOINT = {"model": "resnet8", "normalization": "digits"}


def images(count=5):
    return data.load(config.Data()).test.inputs[:count]


def refusal(kind, source, **settings):
    """Returns the one-line error message; checks that no file is left."""
    folder = source.parent
    before = sorted(folder.iterdir())
    with pytest.raises(kind) as error:
        run_import(source, **settings)
    assert sorted(folder.iterdir()) == before
    (line,) = str(error.value).splitlines()
    return line
