"""`SectionedModel`: a model of stem, sections and head."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.sections import (
    functional,
    model_class,
    plain_files,
    structure,
)
from lit_tf.sections.context import (
    BoundPart,
    as_padding_mask,
    bind,
    find_padding_mask,
    join,
    reads_of,
)


@keras.saving.register_keras_serializable("lit_tf")
class SectionedModel(keras.Model):
    """A functional model cut into stem → section 1 … section K → head.

    It is called, fitted, evaluated, saved and exported like any functional
    model. Its parts are models that share its weights and can be called alone.
    The tensors between them are the representations.

    Example:
    ```python
    import keras

    import lit_tf

    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(16, 3, padding="same")(image)
    stem = keras.Model(image, x)

    inputs = keras.Input((32, 32, 16))
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    section = keras.Model(inputs, x)

    inputs = keras.Input((32, 32, 16))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    head = keras.Model(inputs, keras.layers.Dense(10)(x))

    model = lit_tf.SectionedModel(stem, [section], head)
    ```

    Args:
        stem: functional or sequential model, inputs → representation 0, or →
            [representation 0, *context]. Context is what sections and head read
            apart from a representation, such as a padding mask.
        sections: models, representation k−1 → representation k. A section that
            reads context takes [representation, *its context].
        head: model, representation K → outputs, or with context as a section.
        context: for each section and the head, which context tensors of the
            stem it reads, counted from 0; by default all, if it has several
            inputs.
        name: name of the model.
        depth: depth that the architecture states; None for the longest chain of
            layers with kernels.
        facts: values that are saved with the weights and can be written as
            JSON, such as how the model was trained.

    Attributes:
        stem: the stem.
        sections: list of the sections.
        head: the head.
        representations: symbolic tensors 0 … K between the parts.
        reads: for each section and the head, which context tensors it reads.
        padding_mask: which context tensor is the padding mask; None if none.
        source: the model that `split` cut, which shares all layers; None if the
            parts were built by themselves.
        cuts: the names at which `split` cut it; () without `source`.
        origin: the model of a class of its own, such as a backbone of KerasHub,
            that this model was made from by changing shapes, dtypes or blocks;
            None if there is none.
    """

    source: keras.Model | None = None
    cuts: tuple[str, ...] = ()
    origin: keras.Model | None = None

    def __init__(
        self,
        stem: keras.Model,
        sections: Sequence[keras.Model],
        head: keras.Model,
        *,
        context: Sequence[Sequence[int]] | None = None,
        name: str | None = None,
        depth: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ):
        reads = reads_of(stem, [*sections, head], context)
        # Keras refuses an input with the name of a part.
        names = {part.name for part in (stem, *sections, head)}
        # The inputs are nested as those of the stem: one, a list or a dict.
        inputs = keras.tree.map_structure(
            lambda t: structure.input_like(
                t, f"{t.name}_input" if t.name in names else t.name
            ),
            structure.inputs_of(stem),
        )
        *representations, outputs = join([stem, *sections, head], reads, inputs)
        super().__init__(inputs, outputs, name=name)
        self.stem = stem
        self.sections = list(sections)
        self.head = head
        self.depth = depth
        self.facts = dict(facts or {})
        self.reads = reads
        self.padding_mask = find_padding_mask([*sections, head], reads)
        self._representations = tuple(representations)

    @property
    def representations(self) -> tuple[keras.KerasTensor, ...]:
        """Representations 0 … K: symbolic tensors of this model."""
        return self._representations

    def bind(self, context: Sequence[Any]) -> list[BoundPart]:
        """Returns the sections and the head with the context of one batch.

        Args:
            context: the context that the stem computed (see `divide`).
        """
        return bind([*self.sections, self.head], self.reads, context)

    def mask(self, context: Sequence[tf.Tensor]) -> tf.Tensor | None:
        """Returns the padding mask in the context of one batch.

        Args:
            context: the context that the stem computed.

        Returns:
            `[batch, positions]`, True at real positions; None if there is none.
        """
        if self.padding_mask is None:
            return None
        return as_padding_mask(context[self.padding_mask])

    def save(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: Any,
    ):
        """Saves the model in layers of Keras (`keras.Model.save`).

        `keras.models.load_model` opens a `.keras` file without this package;
        `lit_tf.load` also returns the sections. A folder, and what
        `keras.saving.save_model` writes, need this package.

        Args:
            filepath: path of the file to write.
            overwrite: whether to replace the file if it exists, or to ask.
            zipped: whether to write a file; a folder if False.
            **kwargs: other arguments of `keras.Model.save`.
        """
        in_one_file = str(filepath).endswith(".keras") and zipped is not False
        if in_one_file and model_class.layers_of(self.source):
            plain_files.save_with_cuts(
                self.source,
                filepath,
                overwrite,
                cuts=self.cuts,
                facts=self.facts,
                **kwargs,
            )
            return
        sections = {"depth": self.depth, "facts": self.facts}
        plain_files.save(
            self, filepath, overwrite, zipped, sections=sections, **kwargs
        )

    def export(self, filepath: str | os.PathLike, *args: Any, **kwargs: Any):
        """Exports the model in inference mode (`keras.Model.export`).

        Keras would export layers such as `RandomFlip` in training mode.

        Args:
            filepath: path of the folder to write.
            *args: other arguments of `keras.Model.export`.
            **kwargs: other arguments of `keras.Model.export`.
        """
        functional.inference_mode(self).export(filepath, *args, **kwargs)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "stem": serialize(self.stem),
            "sections": [serialize(section) for section in self.sections],
            "head": serialize(self.head),
            "context": [list(numbers) for numbers in self.reads],
            "depth": self.depth,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        def revive(part):
            return keras.saving.deserialize_keras_object(
                part, custom_objects=custom_objects
            )

        parts = {
            "stem": revive(config["stem"]),
            "sections": [revive(section) for section in config["sections"]],
            "head": revive(config["head"]),
        }
        return cls(**config | parts)


def parts_of(model: keras.Model) -> list[keras.Model]:
    """Returns stem, sections and head; the model itself if it has none.

    Keras would save what a property of the model returned a second time.

    Args:
        model: with or without sections.
    """
    if not isinstance(model, SectionedModel):
        return [model]
    return [model.stem, *model.sections, model.head]


def with_parts(
    model: SectionedModel, parts: Sequence[keras.Model]
) -> SectionedModel:
    """Returns a model of other parts, with the name and facts of this one.

    Args:
        model: the model.
        parts: stem, sections and head.
    """
    stem, *sections, head = parts
    new = SectionedModel(
        stem,
        sections,
        head,
        context=model.reads,
        name=model.name,
        depth=model.depth,
        facts=model.facts,
    )
    set_origin(new, model)
    return new


def set_origin(model: keras.Model, other: keras.Model) -> None:
    """Notes the model of a class of its own that a model was made from.

    Args:
        model: the model that was made.
        other: the model that it was made from directly.
    """
    candidates = (
        other,
        *(getattr(other, x, None) for x in ("source", "origin")),
    )
    for origin in candidates:
        if model_class.layers_of(origin) is not None:
            # Keras would track, and save, a model that is an attribute.
            object.__setattr__(model, "origin", origin)
            return


def fingerprint(model: keras.Model) -> str:
    """Returns a hash of the weights of a model, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for value in model.get_weights():
        digest.update(np.ascontiguousarray(value))
    return digest.hexdigest()[:16]
