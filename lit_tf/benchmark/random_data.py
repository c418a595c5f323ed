"""Random inputs and labels in the form of a user's model."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.data import own_data
from lit_tf.data.dataset import Dataset
from lit_tf.sections import functional, input_shapes, softmax, structure

# Sizes of dimensions that a model leaves open: sides of images, and positions.
_SIDE, _LENGTH = 224, 128
_IMAGES = 4  # The rank of a batch of images.
_WORDS = ("one", "two words", "and three words")


def sized(model: keras.Model, length: int = 0) -> keras.Model:
    """Returns a model whose inputs have known sizes.

    Args:
        model: functional or sequential.
        length: number of positions where the model leaves it open; 0 for 128.
            Images have 224 pixels.
    """

    def known(tensor):
        size = _SIDE if len(tensor.shape) == _IMAGES else length or _LENGTH
        return keras.KerasTensor((None, *(n or size for n in tensor.shape[1:])))

    inputs = keras.tree.map_structure(known, structure.inputs_of(model))
    return input_shapes.fixed(model, inputs)


def of_model(
    model: keras.Model, *, examples: int, batch_size: int, seed: int
) -> Dataset:
    """Returns random training examples in the form of a model.

    Numbers are in [0, 1). Whole numbers that an embedding reads are below the
    size of its vocabulary; others, such as a padding mask, are 1.

    Args:
        model: a model of known sizes, with its last activations.
        examples: number of training examples.
        batch_size: number of examples of a batch.
        seed: seed of inputs and labels.
    """
    random = np.random.default_rng(seed)
    vocabularies = _vocabularies(model)

    def input_(tensor):
        shape = [examples, *tensor.shape[1:]]
        dtype = tf.as_dtype(tensor.dtype)
        if dtype is tf.string:
            return random.choice(_WORDS, shape)
        if tensor.name in vocabularies:
            ids = random.integers(0, vocabularies[tensor.name], shape)
            return ids.astype(dtype.as_numpy_dtype)
        if dtype.is_floating:
            values = random.random(shape, dtype=np.float32)
            return values.astype(dtype.as_numpy_dtype)
        return np.ones(shape, dtype.as_numpy_dtype)

    inputs = keras.tree.map_structure(input_, structure.inputs_of(model))
    places = {id(tensor): at for at, tensor in enumerate(model.outputs)}
    labels = keras.tree.map_structure(
        lambda tensor: _labels(
            random,
            [examples, *tensor.shape[1:]],
            softmax.activation(model, places[id(tensor)]),
        ),
        structure.outputs_of(model),
    )
    return own_data.read(
        (inputs, labels),
        rank=structure.input_rank(model),
        batch_size=batch_size,
    )


def _labels(random, shape: list[int], activation: str | None) -> Any:
    """Returns labels: classes, independent labels or numbers.

    The kind follows from the last activation. Vectors without any are logits of
    classes.
    """
    *others, last = shape
    if activation == "sigmoid":
        one = last == 1 and len(others) == 1
        return random.integers(0, 2, others if one else shape, dtype=np.int32)
    if last > 1 and (activation == "softmax" or len(others) == 1):
        return random.integers(0, last, others, dtype=np.int32)
    return random.random(shape, dtype=np.float32)


def _vocabularies(model):
    """Returns the sizes of the vocabularies that read inputs, by name.

    An input may pass operations without weights before an embedding.
    """
    graph = functional.read_graph(model)
    sizes = {}
    for number in graph.inputs:
        reached = {number}
        smallest = math.inf
        for call in graph.calls:
            if not reached & set(call.inputs):
                continue
            if not call.weights:
                reached |= set(call.outputs)
                continue
            for layer in call.operation._flatten_layers():
                if isinstance(layer, keras.layers.Embedding):
                    smallest = min(smallest, layer.input_dim)
        if smallest < math.inf:
            sizes[graph.tensors[number].name] = smallest
    return sizes
