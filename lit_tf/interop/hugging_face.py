"""Files next to a checkpoint, as Hugging Face's libraries write them."""

import pathlib
from typing import Any

from lit_tf import errors
from lit_tf.utils import json_files

# Values of a BERT that config.json may leave out.
_DEFAULTS = {
    "hidden_dropout_prob": 0.1,
    "layer_norm_eps": 1e-12,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
}
_NEEDED = (
    *("vocab_size", "num_hidden_layers", "num_attention_heads"),
    *("hidden_size", "intermediate_size", "max_position_embeddings"),
)


def bert_config(folder: pathlib.Path) -> dict[str, Any]:
    """Returns the values of a BERT's config.json.

    Args:
        folder: the folder of the checkpoint.

    Raises:
        DataError: if the file is missing, damaged or of another architecture.
    """
    file = folder / "config.json"
    config = _DEFAULTS | read_json(file)
    missing = [name for name in _NEEDED if name not in config]
    if missing:
        raise errors.DataError(
            f"{file} must state {', '.join(missing)} of the checkpoint."
        )
    kind = config.get("model_type", "bert")
    positions = config.get("position_embedding_type", "absolute")
    if kind != "bert" or positions != "absolute":
        raise errors.DataError(
            f"{file} must be that of a BERT with absolute positions. Received: "
            f"{kind} with {positions} positions."
        )
    return config


def word_pieces(
    folder: pathlib.Path,
) -> tuple[list[str], bool, bool]:
    """Returns the vocabulary of a BERT's tokenizer.

    Args:
        folder: the folder of the checkpoint.

    Returns:
        The word pieces in the order of their ids, [] without a vocabulary;
        whether texts are lower-cased; whether they lose their accents.

    Raises:
        DataError: if a file is damaged, or of another kind of tokenizer.
    """
    settings = read_json(folder / "tokenizer_config.json")
    lowercase = settings.get("do_lower_case", True)
    accents = settings.get("strip_accents")
    file = folder / "vocab.txt"
    if file.is_file():
        text = file.read_text(encoding="utf-8", errors="replace")
        words = text.removesuffix("\n").split("\n")
    else:
        content = read_json(folder / "tokenizer.json")
        words = _words(folder / "tokenizer.json", content) if content else []
        normalizer = content.get("normalizer") or {}
        lowercase = normalizer.get("lowercase", lowercase)
        accents = normalizer.get("strip_accents", accents)
    # Texts in lower case lose their accents, unless a file says otherwise.
    return words, lowercase, lowercase if accents is None else accents


def read_json(file: pathlib.Path) -> dict[str, Any]:
    """Returns the object in a JSON file; {} without a file.

    Raises:
        DataError: if the file is damaged or holds something else.
    """
    try:
        content = json_files.parse(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise errors.DataError(
            f"{file} is damaged ({errors.line(error)})."
        ) from None
    if not isinstance(content, dict):
        raise errors.DataError(f"{file} must hold an object of JSON.")
    return content


def _words(file, content):
    model = content.get("model", {})
    ids = model.get("vocab", {})
    if model.get("type") != "WordPiece" or sorted(ids.values()) != list(
        range(len(ids))
    ):
        raise errors.DataError(
            f"{file} must have the word pieces of a BERT. Received: "
            f"{model.get('type')} with {len(ids):,} words."
        )
    return sorted(ids, key=ids.get)
