"""Network slimming (Liu et al., 2017): a pressure on BatchNorm's scales, a cut.

A channel whose scale γ was pressed towards 0 says little, and is pruned: one
threshold for all of them. Only channels that nothing but one convolution reads
can go, so that every shape between blocks stays as it is: of a basic block
those inside, of a bottleneck those on both sides of its middle convolution.
"""

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import errors, layers, outputs
from lit_tf.methods import trainer
from lit_tf.sections import cost
from lit_tf.sections.sectioned_model import SectionedModel

_NORMS = (keras.layers.BatchNormalization, layers.BatchNormalization)
_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    layers.GroupedConv2D,
)
# What treats every channel alike and by itself, and leaves a 0 a 0.
_TRANSPARENT = (
    keras.layers.ReLU,
    keras.layers.ZeroPadding1D,
    keras.layers.ZeroPadding2D,
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    layers.KMaxPool,
)


@dataclasses.dataclass(frozen=True)
class Cut:
    """A BatchNorm whose channels may go, between two convolutions."""

    before: keras.layers.Layer
    norm: keras.layers.Layer
    after: keras.layers.Layer

    @property
    def groups(self) -> int:
        """Of the channels, as many of each have to stay."""
        return max(self.before.groups, self.after.groups)


class Slim(trainer.Trainer):
    """Trains a model on labels while it presses its scales towards 0.

    The metrics are `hard`, `sparse` (the sum of |γ| over the scales of all
    cuts) and `total`, hard + sparsity · sparse.

    Args:
        student: a model with sections; it is `prune`d afterwards.
        sparsity: λ ≥ 0, multiplies the sum of |γ|.
        **kwargs: of `keras.Model`.

    Raises:
        SettingsError: no channel of the model can be pruned.
    """

    def __init__(
        self,
        student: SectionedModel,
        *,
        sparsity: float,
        **kwargs: Any,
    ):
        super().__init__(
            student,
            None,
            ("hard", "sparse", "total"),
            outputs=outputs.Classes(),
            **kwargs,
        )
        self.sparsity = sparsity
        object.__setattr__(
            self, "_scales", [c.norm.gamma for c in cuts(student)]
        )

    def terms(self, x, y, *, training):
        logits = self.student(x, training=training)
        hard = self.outputs.hard(y, logits)
        scales = [tf.reduce_sum(tf.abs(scale)) for scale in self._scales]
        sparse = tf.fill(tf.shape(hard), tf.add_n(scales))
        total = hard + self.sparsity * sparse
        return {"hard": hard, "sparse": sparse, "total": total}, logits


def cuts(model: SectionedModel) -> list[Cut]:
    """Returns every BatchNorm of a model's sections whose channels may go.

    Raises:
        SettingsError: there is none.
    """
    found = [cut for section in model.sections for cut in _cuts(section)]
    if not found:
        raise errors.SettingsError(
            "Network slimming prunes channels between a BatchNorm and the one "
            f"convolution that reads them. Received: {model.name}, which has "
            "none."
        )
    return found


def choose(found: Sequence[Cut], fraction: float) -> dict[Cut, np.ndarray]:
    """Returns the channels that stay: those of the largest |γ|.

    The threshold is one for all cuts. A cut keeps a channel at least, and of
    convolutions in groups as many in each, the nearest number to what is above
    the threshold.

    Args:
        found: as `cuts` has them.
        fraction: of all channels, to be pruned.
    """
    scales = [_scale(cut) for cut in found]
    every = np.sort(np.concatenate(scales))
    count = math.floor(fraction * len(every))
    threshold = every[count - 1] if count else -1.0
    kept = {}
    for cut, scale in zip(found, scales, strict=True):
        by_group = scale.reshape(cut.groups, -1)
        above = np.sum(scale > threshold) / cut.groups
        many = min(max(1, round(above)), by_group.shape[1])
        order = np.argsort(-by_group, axis=1, kind="stable")[:, :many]
        first = np.arange(cut.groups)[:, np.newaxis] * by_group.shape[1]
        kept[cut] = np.sort((order + first).ravel())
    return kept


def fraction_for(model: SectionedModel, flops: int) -> float:
    """Returns the smallest fraction of channels that leaves so many FLOPs.

    Args:
        model: that is to be pruned.
        flops: 2 × multiply-adds of an inference, for one example, at most.

    Raises:
        SettingsError: with all channels that can go there would be more.
    """
    found = cuts(model)
    rest = cost.flops(model) - _cost(found, {})
    total = sum(len(_scale(cut)) for cut in found)

    def fits(count):
        return rest + _cost(found, choose(found, count / total)) <= flops

    if not fits(total):
        least = rest + _cost(found, choose(found, 1.0))
        raise errors.SettingsError(
            f"{model.name} can be slimmed to {least / 1e6:,.1f} M FLOPs at "
            f"least. Received: {flops / 1e6:,.1f} M, the student's."
        )
    low, high = 0, total
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low / total


def prune(
    model: SectionedModel, kept: Mapping[Cut, np.ndarray]
) -> SectionedModel:
    """Returns a new model that has the channels that stay, and no others.

    Args:
        model: stays as it is.
        kept: for cuts of the model the channels that stay, ascending.
    """
    makes = {cut.before: channels for cut, channels in kept.items()}
    reads = {cut.after: channels for cut, channels in kept.items()}
    norms = {cut.norm: channels for cut, channels in kept.items()}
    copies = {}

    def copy(layer):
        config = layer.get_config()
        if layer in makes:
            config["filters"] = len(makes[layer])
        copies[layer] = type(layer).from_config(config)
        return copies[layer]

    stem, *sections, head = (
        keras.models.clone_model(part, clone_function=copy)
        for part in (model.stem, *model.sections, model.head)
    )
    for layer, ours in copies.items():
        weights = getattr(layer, "weights", ()) and layer.get_weights()
        if layer in norms:
            weights = [value[norms[layer]] for value in weights]
        if layer in makes or layer in reads:
            kernel, *bias = weights
            kernel = _read(kernel, reads.get(layer), layer.groups)
            stay = makes.get(layer, slice(None))
            weights = [kernel[..., stay], *(b[stay] for b in bias)]
        if weights:
            ours.set_weights(weights)
    return SectionedModel(
        stem,
        sections,
        head,
        name=f"{model.name}_slim",
        depth=model.depth,
    )


def _cuts(section):
    nodes = [
        node
        for together in section._nodes_by_depth.values()
        for node in together
    ]
    readers = collections.defaultdict(list)
    for node in nodes:
        for tensor in node.input_tensors:
            readers[id(tensor)].append(node.operation)

    def only(tensor):
        found = readers[id(tensor)]
        return found[0] if len(found) == 1 else None

    for layer in section.layers:
        if type(layer) not in _CONVOLUTIONS:
            continue
        norm = only(layer.output)
        if type(norm) not in _NORMS or not norm.scale:
            continue
        after = only(norm.output)
        while type(after) in _TRANSPARENT:
            after = only(after.output)
        if type(after) in _CONVOLUTIONS:
            yield Cut(layer, norm, after)


def _scale(cut):
    return np.abs(keras.ops.convert_to_numpy(cut.norm.gamma))


def _cost(found, kept):
    """Returns the FLOPs of the convolutions around cuts, an example."""
    makes = {cut.before: len(kept.get(cut, _scale(cut))) for cut in found}
    reads = {cut.after: len(kept.get(cut, _scale(cut))) for cut in found}
    flops = 0
    for layer in {**makes, **reads}:
        places = math.prod(layer.output.shape[1:-1])
        inputs = reads.get(layer, layer.input.shape[-1]) // layer.groups
        outputs = makes.get(layer, layer.filters)
        window = math.prod(layer.kernel_size)
        flops += 2 * places * window * inputs * outputs
    return flops


def _read(kernel, channels, groups):
    """Returns a kernel `[..., inputs of a group, outputs]` less some inputs."""
    if channels is None:
        return kernel
    size, many = kernel.shape[-2], len(channels) // groups
    parts = np.split(kernel, groups, axis=-1)
    return np.concatenate(
        [
            part[..., channels[g * many : (g + 1) * many] - g * size, :]
            for g, part in enumerate(parts)
        ],
        axis=-1,
    )
