"""`save`: a file that Keras opens without `lit_tf`, with a note for `lit_tf`.

What Keras does not need is kept in the `build_config` of the model, which Keras
reads only of models that are not built by their configuration:

    {"format": 1,
     "parts": [{"name": "stem", "context": []}, …],
     "depth": 20,
     "facts": {…},
     "layers": {"stem/normalize": a serialized layer of `lit_tf`, …}}

`parts`, `depth` and `facts` are those of a `SectionedModel`; `parts` is null
for any other model. `context` has the numbers of the tensors that a part reads
from the stem in addition to the representation before it. A model of a class of
its own, such as a backbone of KerasHub, is saved whole, with the names at which
it is cut as `cuts` instead of `parts`.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from lit_tf.sections.plain_form import is_stock, plain_form
from lit_tf.sections.tied_layers import tied_config

_KEY = "lit_tf"
_FORMAT = 1
_NOTE = {
    "layers": dict,
    "parts": list | None,
    "cuts": list | None,
    "depth": int | None,
    "facts": dict | None,
}


def save(
    model: keras.Model,
    filepath: str | os.PathLike,
    overwrite: bool = True,
    zipped: bool | None = None,
    *,
    sections: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Saves a model with layers of Keras in place of those of `lit_tf`.

    A model that has none and no sections, a model of a user's own class, a
    folder and an `.h5` file are left to `keras.Model.save`.

    Args:
        model: the model.
        filepath: path of the file or folder.
        overwrite: see `keras.Model.save`.
        zipped: see `keras.Model.save`.
        sections: `depth` and `facts` of a model with sections; None for a model
            without.
        **kwargs: other arguments of `keras.Model.save`.
    """
    in_one_file = str(filepath).endswith(".keras") and zipped is not False
    known = sections is not None or is_stock(model)
    plain, replaced = (
        plain_form(model) if in_one_file and known else (model, {})
    )
    if plain is model:
        keras.Model.save(model, filepath, overwrite, zipped, **kwargs)
        return
    parts = None if sections is None else parts_of(plain)
    note = {"format": _FORMAT, "layers": replaced, "parts": parts}
    note |= sections or {}
    # Keras asks the model for what it writes into the file.
    shapes = plain.get_build_config() or {}
    plain.get_build_config = lambda: shapes | {_KEY: note}
    config = tied_config(plain)
    if config is not None:
        plain.get_config = lambda: config
    if model.compiled:
        plain.compiled = True
        plain.optimizer = model.optimizer
        plain._compile_config = model._compile_config
    plain.save(filepath, overwrite, **kwargs)


def save_with_cuts(
    model: keras.Model,
    filepath: str | os.PathLike,
    overwrite: bool = True,
    *,
    cuts: Sequence[str],
    facts: Mapping[str, Any],
    **kwargs: Any,
) -> None:
    """Saves a model of a class of its own, with the names at which it is cut.

    Args:
        model: the model.
        filepath: path of the file, which ends in ".keras".
        overwrite: see `keras.Model.save`.
        cuts: the names, as `split` takes them.
        facts: `facts` of the model with sections.
        **kwargs: other arguments of `keras.Model.save`.
    """
    note = {"format": _FORMAT, "layers": {}, "facts": facts, "cuts": [*cuts]}
    shapes = model.get_build_config() or {}
    model.get_build_config = lambda: shapes | {_KEY: note}
    try:
        keras.Model.save(model, filepath, overwrite, **kwargs)
    finally:
        del model.get_build_config


def read_note(config: Any) -> Mapping[str, Any] | None:
    """Returns what `save` added to a file; None if nothing.

    Args:
        config: the content of `config.json`.

    Raises:
        ValueError: if a later version of `lit_tf` wrote the file, or it is
            damaged.
    """
    for key in ("build_config", _KEY):
        config = config.get(key) if isinstance(config, dict) else None
    if config is None:
        return None
    known = config.get("format") if isinstance(config, dict) else None
    if known != _FORMAT:
        raise ValueError(
            f"its note for lit_tf has the format {known!r}, which a later "
            "version may know"
        )
    for key, kind in _NOTE.items():
        value = config.get(key)
        if not isinstance(value, kind):
            raise ValueError(f"its note for lit_tf has `{key}` {value!r}")
    return config


def parts_of(model: keras.Model) -> list[dict[str, Any]]:
    """Returns the names of the parts of a plain model and what they read.

    Args:
        model: a functional model that calls stem, sections and head in turn.

    Raises:
        ValueError: if it is not one.
    """
    nodes = [
        node
        for depth in sorted(model._nodes_by_depth, reverse=True)
        for node in model._nodes_by_depth[depth]
        if not node.is_input
    ]
    if len({node.operation for node in nodes}) < len(nodes):
        raise ValueError("it calls a part twice")
    parts = []
    for before, node in zip([None, *nodes], nodes, strict=False):
        context = []
        if before is not None:
            previous, *context = (t._keras_history for t in node.input_tensors)
            if (
                previous.operation is not before.operation
                or previous.tensor_index
                or any(t.operation is not nodes[0].operation for t in context)
            ):
                raise ValueError("its layers are not a chain of parts")
        parts.append(
            {
                "name": node.operation.name,
                "context": [t.tensor_index for t in context],
            }
        )
    return parts
