"""Checks that a model fits its data: names, shapes and types of inputs."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.data.rows import Rows
from lit_tf.sections import functional, softmax, structure
from lit_tf.sections.sectioned_model import parts_of

# Names of the last layer of classifiers: of this package, KerasHub and Keras.
_OF_CLASSES = ("logits", "predictions")
_CHECKED = 4096  # Examples whose numbers are compared with whole ones.
_LOOKED_UP = 65_536  # Examples in a file whose numbers are looked up.


def check(model: keras.Model, name: str, form: Mapping[str, Any]) -> None:
    """Checks that a model fits the inputs and classes of a dataset.

    Args:
        model: a model, raw inputs → logits, vectors or images.
        name: name of the dataset, for the message.
        form: `Dataset.form` or `Source.form`.

    Raises:
        SettingsError: if the name or shape of an input, or the output, differs.
    """
    if isinstance(model, keras.Model):
        functional.require_functional(model)
    count, output = form["classes"], _output_shape(model)
    expected = (_shapes(structure.by_name(model, inputs_of(form))), (count,))
    data = f"inputs {_described(expected[0])} and {count} classes"
    if not count:  # Texts alone.
        _check_vector(model, name, output)
        expected = (expected[0], output)
        data = f"inputs {_described(expected[0])} and no classes"
    if "attributes" in form:  # The model translates images to images.
        shape = tuple(form["input_shape"])
        expected = (expected[0], shape)
        data = f"images {shape} and {count} attributes"
    inputs = _shapes(_inputs_of_model(model))
    one_logit = count == 2 and output == (1,)  # It stands for two classes.
    received = (inputs, (count,) if one_logit else output)
    if received != expected:
        raise errors.SettingsError(
            f"{name} has {data}. Received: model {model.name} with inputs "
            f"{_described(inputs)} and outputs {output}."
            f"{_hint(expected[0], model, form)}"
            f"{_hint_of_output(name, received, expected)}"
        )
    if isinstance(model, keras.Model):
        _check_positions(model, name)


def _output_shape(model):
    """Returns the shape of one output, or a list of those of several."""
    if not isinstance(model, keras.Model):
        return tuple(model.output_shape[1:])
    shapes = [tuple(tensor.shape[1:]) for tensor in model.outputs]
    return shapes[0] if len(shapes) == 1 else shapes


def _check_vector(model, name, output):
    """Refuses a model that does not return one vector for each example."""
    if isinstance(output, list) or len(output) != 1:
        raise errors.SettingsError(
            f"{name} has texts without labels. They are for an encoder that "
            "returns one vector for each text. Received: model "
            f"{model.name}, which returns {_outputs_in_words(model)}. Choose "
            "or pool one of them: keras.Model(model.inputs, vector)."
        )
    if isinstance(model, keras.Model) and (
        output == (1,) or _returns_classes(model)
    ):
        raise errors.SettingsError(
            f"{name} has texts without labels. They are for an encoder that "
            f"returns a vector. Received: model {model.name}, which returns "
            f"classes {output}. Write the label before each text, or pass a "
            "model without the layer of the classes."
        )


def _returns_classes(model):
    """Returns whether the last layer of a model looks like one of classes."""
    tensor = parts_of(model)[-1].outputs[0]
    names = {tensor._keras_history.operation.name, softmax.last(model).name}
    return softmax.ends(model) or not names.isdisjoint(_OF_CLASSES)


def _outputs_in_words(model):
    shapes = [str(_output_shape(model))]
    if isinstance(model, keras.Model):
        shapes = [str(tuple(tensor.shape[1:])) for tensor in model.outputs]
        nested = structure.outputs_of(model)
        if isinstance(nested, Mapping):
            shapes = [f"{n} {tuple(t.shape[1:])}" for n, t in nested.items()]
    return " and ".join(shapes)


def _hint_of_output(name, received, expected):
    """Returns a sentence on vectors in place of classes; "" for other faults.

    Args:
        name: name of the dataset.
        received: the shapes of the model's inputs, and that of its output.
        expected: the same of the data.
    """
    inputs, output = received
    if name != "csv" or inputs != expected[0] or len(output) > 1:
        return ""
    return (
        " If the model returns a vector and no classes, give it texts without "
        "labels: write one column, the text, in each row."
    )


def _check_positions(model, name):
    """Refuses sequences that are longer than a table of positions."""
    graph = functional.read_graph(model)
    for call in graph.calls:
        layer = getattr(call.operation, "position_embedding", call.operation)
        table = getattr(layer, "position_embeddings", None)
        if len(getattr(table, "shape", ())) != 2:  # Not [positions, width].
            continue
        length = graph.tensors[call.inputs[0]].shape[1]
        if length is not None and length > table.shape[0]:
            raise errors.SettingsError(
                f"{model.name} takes sequences of at most {table.shape[0]}, "
                f"the positions of its layer {layer.name!r}. Received: "
                f"{length} in {name}. Cut token ids with --sequence_length."
            )


def check_values(model: keras.Model, name: str, inputs: Any) -> None:
    """Checks that the inputs of a model can hold the values of a dataset.

    Args:
        model: a model that `check` accepts.
        name: name of the dataset, for the message.
        inputs: `Split.inputs`.

    Raises:
        SettingsError: if an input takes texts and receives numbers, or the
            reverse; takes whole numbers and receives others; or looks up
            numbers beyond the vocabulary of an embedding.
    """
    vocabularies = _vocabularies(model)
    for key, tensor, array in zip(
        structure.names_of(model),
        model.inputs,
        structure.flat_inputs(model, inputs),
        strict=True,
    ):
        try:
            wanted, received = map(tf.as_dtype, (tensor.dtype, array.dtype))
        except TypeError as error:
            raise errors.SettingsError(
                f"The input {key!r} of {model.name} takes {tensor.dtype}. "
                f"Received: {array.dtype} in {name}."
            ) from error
        fractions = received.is_floating and not wanted.is_floating
        if (wanted is tf.string) != (received is tf.string) or (
            fractions and not _are_whole(array[:_CHECKED])
        ):
            found = "fractions" if fractions else received.name
            raise errors.SettingsError(
                f"The input {key!r} of {model.name} takes {wanted.name}. "
                f"Received: {found} in {name}."
            )
        if key in vocabularies:
            layer, size = vocabularies[key]
            least, largest = _range(array)
            if least < 0 or largest >= size:
                raise errors.SettingsError(
                    f"The input {key!r} of {model.name} takes numbers from 0 "
                    f"to {size - 1:,}, the vocabulary of its layer {layer!r}. "
                    f"Received: {least if least < 0 else largest:,} in {name}, "
                    "of another vocabulary or tokenizer."
                )


def _vocabularies(model):
    """Returns the embedding that reads an input, and its size, by input."""
    if not isinstance(model, keras.Model):
        return {}
    graph, found = functional.read_graph(model), {}
    names = dict(zip(graph.inputs, structure.names_of(model), strict=True))
    for call in graph.calls:
        layer = getattr(call.operation, "token_embedding", call.operation)
        size = getattr(layer, "input_dim", None)
        is_table = "Embedding" in type(layer).__name__
        if is_table and isinstance(size, int) and call.inputs[0] in names:
            found[names[call.inputs[0]]] = (layer.name, size)
    return found


def _range(array):
    """Returns the least and the largest number, of the first rows of a file."""
    sample = array[:_LOOKED_UP] if isinstance(array, Rows) else array
    return int(np.min(sample)), int(np.max(sample))


def inputs_of(form: Mapping[str, Any]) -> Any:
    """Returns the inputs of a model that fits a dataset, as symbolic tensors.

    Args:
        form: `Dataset.form` or `Source.form`.

    Returns:
        Tensors `[None, ...]`, nested as the data.
    """
    inputs = keras.tree.map_shape_structure(
        lambda shape: keras.KerasTensor((None, *shape)), form["input_shape"]
    )
    if "attributes" in form:
        return [inputs, keras.KerasTensor((None, form["classes"]))]
    return inputs


def _are_whole(array):
    return bool(np.all(array == np.round(array)))


def _inputs_of_model(model):
    return dict(zip(structure.names_of(model), model.inputs, strict=True))


def _shapes(inputs):
    return {name: tuple(one.shape[1:]) for name, one in inputs.items()}


def _described(shapes):
    """Returns the shapes of inputs in words, with the names of several."""
    if len(shapes) == 1:
        return str(*shapes.values())
    return " and ".join(f"{name} {shape}" for name, shape in shapes.items())


def _hint(data, model, form):
    """Returns a sentence on inputs that differ; "" if there is none to add.

    Args:
        data: the shapes of the data, by name of the input.
        model: the model.
        form: the form of the dataset.
    """
    taken = _shapes(_inputs_of_model(model))
    if "alphabet" in form:
        if any(tensor.dtype == "string" for tensor in model.inputs):
            return (
                " The model takes texts as they are: compress it in Python, "
                "lit_tf.compress(model, (texts, labels))."
            )
        return (
            " The data are characters of texts. If the model takes token ids, "
            "name its tokenizer with --preprocessor."
        )
    if len(data) == len(taken) == 1:
        (shape,), (other,) = data.values(), taken.values()
        if len(shape) == 3 and other == (shape[2], *shape[:2]):
            return (
                " The model takes channels first, the data have channels last: "
                "build it with data_format='channels_last'."
            )
    if data.keys() == taken.keys():
        return ""
    missing = sorted(taken.keys() - data.keys())
    unknown = sorted(data.keys() - taken.keys())
    sentences = {
        "The data lack": missing,
        "The model does not take": unknown,
    }
    if all(map(str.isdigit, data)):  # Data without names.
        return ""
    return "".join(
        f" {start} {' and '.join(names)}."
        for start, names in sentences.items()
        if names
    )
