"""BERT from a checkpoint with Hugging Face's names, in KerasHub's layers.

The checkpoint's folder also holds `config.json`, and the vocabulary in
`vocab.txt` or `tokenizer.json`, as Hugging Face's libraries write them.
"""

import functools
import pathlib
from typing import Any

import keras
import numpy as np

from lit_tf import errors
from lit_tf.interop import checkpoint_files, hub_texts, hugging_face
from lit_tf.models import torch_weights
from lit_tf.sections import cost, model_files

_PREFIX = "bert."  # Of the encoder in a model with a head.
# Names of LayerNorm's weights in older checkpoints.
_OLD_NAMES = {"gamma": "weight", "beta": "bias"}
# Numbers of positions, which some checkpoints hold.
_NO_WEIGHTS = ("embeddings.position_ids", "embeddings.token_type_ids")
# By their name in config.json. KerasHub's BERT has the approximate GELU.
_APPROXIMATE = None
_ACTIVATIONS = {
    "gelu": "gelu",
    "relu": "relu",
    "gelu_new": _APPROXIMATE,
    "gelu_pytorch_tanh": _APPROXIMATE,
}
_LENGTH = 512  # Token ids of a text, if no file says otherwise.
# The variables of a block, without kernel and bias, or gamma and beta.
_BLOCK = {
    "self_attention_layer/query": "attention.self.query",
    "self_attention_layer/key": "attention.self.key",
    "self_attention_layer/value": "attention.self.value",
    "self_attention_layer/attention_output": "attention.output.dense",
    "self_attention_layer_norm": "attention.output.LayerNorm",
    "feedforward_intermediate_dense": "intermediate.dense",
    "feedforward_output_dense": "output.dense",
    "feedforward_layer_norm": "output.LayerNorm",
}
_EMBEDDINGS = {
    "token_embedding": "embeddings.word_embeddings",
    "position_embedding": "embeddings.position_embeddings",
    "segment_embedding": "embeddings.token_type_embeddings",
    "embeddings_layer_norm": "embeddings.LayerNorm",
}
_POOLER = {"pooled_dense": "pooler.dense"}


def import_encoder(
    source: str, output: str, *, overwrite: bool = False
) -> dict[str, Any]:
    """Imports a BERT as a `.keras` file, and its tokenizer next to it.

    The tokenizer is written to the folder `preprocessor/`, where
    `--preprocessor` reads it.

    Args:
        source: path of the checkpoint.
        output: path of the `.keras` file to write.
        overwrite: whether existing files may be replaced.

    Returns:
        `parameters` and `arrays`, their numbers; `preprocessor`, the folder of
        the tokenizer, "" if the checkpoint has no vocabulary.

    Raises:
        SettingsError: if KerasHub is not installed, or `output` is no .keras
            file.
        DataError: if a file is missing, damaged or not of a BERT, or `output`
            exists.
    """
    target = pathlib.Path(output)
    folder = target.parent / hub_texts.FOLDER
    errors.require(
        target.suffix == ".keras",
        "`output` must be a .keras file.",
        output=output,
    )
    for path in (target, folder):
        if path.exists() and not overwrite:
            raise errors.DataError(f"{path} exists; --overwrite replaces it.")
    model = from_weights(source)
    preprocessor = preprocessor_of(source)
    model_files.save(model, target)
    if preprocessor is not None:
        hub_texts.save(preprocessor, folder)
    return {
        "parameters": cost.parameters(model),
        "arrays": len(model.weights),
        "preprocessor": str(folder) if preprocessor else "",
    }


def from_weights(path: str) -> keras.Model:
    """Reads a BERT as a functional model of KerasHub's layers.

    Args:
        path: path of the checkpoint (`checkpoint_files.READERS`); heads in it
            are left out.

    Returns:
        A model, `token_ids`, `segment_ids` and `padding_mask`,
        `[batch, length]` → a dictionary of `sequence_output`,
        `[batch, length, width]`, and, if the checkpoint has a pooler,
        `pooled_output`, `[batch, width]`.

    Raises:
        SettingsError: if KerasHub is not installed.
        DataError: if a file is missing, damaged or not of a BERT.
    """
    hub = hub_texts.keras_hub()
    folder = pathlib.Path(path).parent
    settings = hugging_face.bert_config(folder)
    if settings["hidden_act"] not in _ACTIVATIONS:
        raise errors.DataError(
            errors.unknown("activation", settings["hidden_act"], _ACTIVATIONS)
        )
    arrays = _named(checkpoint_files.read(path))
    try:
        backbone = hub.models.BertBackbone(
            vocabulary_size=settings["vocab_size"],
            num_layers=settings["num_hidden_layers"],
            num_heads=settings["num_attention_heads"],
            hidden_dim=settings["hidden_size"],
            intermediate_dim=settings["intermediate_size"],
            dropout=settings["hidden_dropout_prob"],
            max_sequence_length=settings["max_position_embeddings"],
            num_segments=settings["type_vocab_size"],
        )
    except Exception as error:  # Of sizes that are no sizes.
        raise errors.DataError(
            f"{folder / 'config.json'} does not describe a BERT "
            f"({errors.cause(error)})."
        ) from error
    # Not a BertBackbone: that has one activation, and would be saved with it.
    model = keras.models.clone_model(
        backbone, clone_function=functools.partial(_layer, settings)
    )
    outputs = dict(model.output)
    if not any(name.startswith("pooler.") for name in arrays):
        del outputs["pooled_output"]
    model = keras.Model(model.input, outputs, name="bert")
    variables = _variables(model, settings["num_hidden_layers"])
    torch_weights.assign(
        variables,
        {k: _as_torch(v, variables.get(k)) for k, v in arrays.items()},
        source=str(path),
        target="BERT",
    )
    return model


def preprocessor_of(path: str) -> keras.layers.Layer | None:
    """Reads the tokenizer next to a checkpoint of BERT.

    Args:
        path: path of the checkpoint.

    Returns:
        A preprocessor of KerasHub, texts → the inputs of `from_weights`'
        model; None without a vocabulary.

    Raises:
        SettingsError: if KerasHub is not installed.
        DataError: if a file is damaged or not of a BERT.
    """
    folder = pathlib.Path(path).parent
    hub = hub_texts.keras_hub()
    settings = hugging_face.bert_config(folder)
    words, lowercase, strips_accents = hugging_face.word_pieces(folder)
    if not words:
        return None
    tokenizer = hub.models.BertTokenizer(
        vocabulary=words, lowercase=lowercase, strip_accents=strips_accents
    )
    positions = settings["max_position_embeddings"]
    length = hugging_face.read_json(folder / "sentence_bert_config.json").get(
        "max_seq_length", _LENGTH
    )
    return hub.models.BertTextClassifierPreprocessor(
        tokenizer, sequence_length=min(length, positions)
    )


def _layer(settings, layer):
    """Returns a new layer with the checkpoint's activation and epsilon."""
    config = layer.get_config()
    epsilon = settings["layer_norm_eps"]
    if isinstance(layer, keras.layers.LayerNormalization):
        config["epsilon"] = epsilon
    if "layer_norm_epsilon" in config:
        config["layer_norm_epsilon"] = epsilon
        activation = _ACTIVATIONS[settings["hidden_act"]]
        config["activation"] = activation or config["activation"]
    return type(layer).from_config(config)


def _named(arrays):
    """Returns the encoder's arrays by their names without a head's prefix."""
    if any(name.startswith(_PREFIX) for name in arrays):
        arrays = {
            name.removeprefix(_PREFIX): array
            for name, array in arrays.items()
            if name.startswith(_PREFIX)
        }
    named = {}
    for name, array in arrays.items():
        start, _, part = name.rpartition(".")
        if name not in _NO_WEIGHTS:
            named[f"{start}.{_OLD_NAMES.get(part, part)}"] = array
    return named


def _variables(model, blocks):
    """Returns the variables of a BERT by Hugging Face's names."""
    names = _EMBEDDINGS | _POOLER
    for i in range(blocks):
        names |= {
            f"transformer_layer_{i}/{ours}": f"encoder.layer.{i}.{theirs}"
            for ours, theirs in _BLOCK.items()
        }
    found = {}
    for variable in model.variables:
        layer, _, part = variable.path.rpartition("/")
        if layer in names:
            found[f"{names[layer]}.{torch_weights.PARTS[part]}"] = variable
    return found


def _as_torch(array, variable):
    """Returns an array of attention with an axis of heads, as its variable.

    Other arrays are unchanged.
    """
    if variable is None or array.size != np.prod(variable.shape):
        return array
    if variable.name != "kernel":
        return array.reshape(variable.shape)
    kernel = array.transpose().reshape(variable.shape)
    return kernel.transpose(-1, -2, *range(kernel.ndim - 2))
