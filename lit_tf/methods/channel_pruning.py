"""Removal of the channels that a model needs least: `prune`.

`select_channels` keeps the channels with the largest BatchNorm scales |γ|, by
one threshold for the whole model, and `prune` builds a model of those channels
alone.

A channel is pruned only if one convolution computes it and only one other
layer, a convolution, reads it. The shapes between blocks stay. These are the
inner channels of a basic block, and those on both sides of a bottleneck's
middle convolution.
"""

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from lit_tf import errors, layers
from lit_tf.sections import copying, cost
from lit_tf.sections.sectioned_model import SectionedModel

_NORMS = (keras.layers.BatchNormalization, layers.BatchNormalization)
_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    layers.GroupedConv2D,
)
# Layers that treat every channel alike and separately, and map 0 to 0.
_TRANSPARENT = (
    keras.layers.ReLU,
    keras.layers.ZeroPadding1D,
    keras.layers.ZeroPadding2D,
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    layers.KMaxPool,
)


@dataclasses.dataclass(frozen=True)
class PrunableNorm:
    """A BatchNorm whose channels can be pruned.

    Args:
        before: the convolution that computes the channels.
        norm: the BatchNorm.
        after: the only convolution that reads the channels.
    """

    before: keras.layers.Layer
    norm: keras.layers.Layer
    after: keras.layers.Layer

    @property
    def groups(self) -> int:
        """The groups of channels, all of which keep the same number."""
        return max(self.before.groups, self.after.groups)


def prunable_norms(model: SectionedModel) -> list[PrunableNorm]:
    """Returns the BatchNorms of a model's sections that can be pruned.

    Raises:
        SettingsError: if there are none.
    """
    norms = [p for section in model.sections for p in _prunable(section)]
    if not norms:
        raise errors.SettingsError(
            "Network slimming prunes the channels of a BatchNorm that one "
            "convolution computes and only one other reads. Received: "
            f"{model.name}, which has no such BatchNorm."
        )
    return norms


def select_channels(
    norms: Sequence[PrunableNorm], fraction: float
) -> dict[PrunableNorm, np.ndarray]:
    """Returns the channels to keep: those with the largest |γ|.

    One threshold holds for all norms. A norm keeps at least one channel. If its
    convolutions have groups, every group keeps the same number: the mean number
    of channels above the threshold, rounded.

    Args:
        norms: the result of `prunable_norms`.
        fraction: in [0, 1], the fraction of all channels to prune.

    Returns:
        The indices of the channels to keep, ascending, by norm.
    """
    scales = [_scale(p) for p in norms]
    ascending = np.sort(np.concatenate(scales))
    count = math.floor(fraction * len(ascending))
    threshold = ascending[count - 1] if count else -1.0
    selected = {}
    for p, scale in zip(norms, scales, strict=True):
        by_group = scale.reshape(p.groups, -1)
        above = np.sum(scale > threshold) / p.groups
        per_group = min(max(1, round(above)), by_group.shape[1])
        order = np.argsort(-by_group, axis=1, kind="stable")[:, :per_group]
        first = np.arange(p.groups)[:, np.newaxis] * by_group.shape[1]
        selected[p] = np.sort((order + first).ravel())
    return selected


def fraction_to_prune(
    model: SectionedModel, student: SectionedModel, fraction: float
) -> float:
    """Returns the fraction of a model's channels to prune.

    A warning names operations whose FLOPs are needed but cannot be counted.

    Args:
        model: the model to prune.
        student: a model with the FLOPs to reach.
        fraction: the fraction, if it is set; 0 to reach the FLOPs.

    Raises:
        SettingsError: if no channel can be pruned, or too few.
    """
    if fraction:
        prunable_norms(model)
        return fraction
    return fraction_for_flops(model, cost.flops(student))


def fraction_for_flops(model: SectionedModel, flops: int) -> float:
    """Returns the smallest fraction to prune that leaves at most `flops`.

    A warning names operations of the model whose FLOPs cannot be counted.

    Args:
        model: the model to prune.
        flops: FLOPs of one inference, 2 × multiply-adds per example.

    Raises:
        SettingsError: if more FLOPs remain when all prunable channels are
            pruned.
    """
    norms = prunable_norms(model)
    rest = cost.flops(model) - _flops(norms, {})
    total = sum(len(_scale(p)) for p in norms)

    def fits(count):
        selected = select_channels(norms, count / total)
        return rest + _flops(norms, selected) <= flops

    if not fits(total):
        least = rest + _flops(norms, select_channels(norms, 1.0))
        raise errors.SettingsError(
            f"Network slimming can reduce {model.name} to "
            f"{least / 1e6:,.1f} M FLOPs at least. Received: "
            f"{flops / 1e6:,.1f} M, the student's."
        )
    low, high = 0, total
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low / total


def prune(
    model: SectionedModel, selected: Mapping[PrunableNorm, np.ndarray]
) -> SectionedModel:
    """Returns a new model with the selected channels alone.

    Args:
        model: the model to prune; it is not changed.
        selected: the channels to keep, ascending, by norm of the model.
    """
    outputs = {p.before: channels for p, channels in selected.items()}
    inputs = {p.after: channels for p, channels in selected.items()}
    norms = {p.norm: channels for p, channels in selected.items()}
    narrower = {}

    def replace(layer, config: dict[str, Any]):
        if layer not in outputs and layer not in inputs and layer not in norms:
            return None
        if layer in outputs:
            config["filters"] = len(outputs[layer])
        narrower[layer] = type(layer).from_config(config)
        return narrower[layer]

    copy = copying.copy_model(model, replace=replace)
    for layer, pruned in narrower.items():
        weights = layer.get_weights()
        if layer in norms:
            weights = [value[norms[layer]] for value in weights]
        else:
            kernel, *bias = weights
            kernel = _select_inputs(kernel, inputs.get(layer), layer.groups)
            channels = outputs.get(layer, slice(None))
            weights = [kernel[..., channels], *(b[channels] for b in bias)]
        pruned.set_weights(weights)
    return SectionedModel(
        copy.stem,
        copy.sections,
        copy.head,
        context=copy.reads,
        name=f"{model.name}_slim",
        depth=model.depth,
    )


def _prunable(section):
    """Yields the prunable BatchNorms of a section."""
    nodes = [
        node for level in section._nodes_by_depth.values() for node in level
    ]
    readers = collections.defaultdict(list)
    returned = collections.defaultdict(list)  # Of all calls of a layer.
    for node in nodes:
        # `layer.output` would be that of the layer's first call, maybe in
        # another model.
        returned[node.operation] += node.output_tensors
        for tensor in node.input_tensors:
            readers[id(tensor)].append(node.operation)

    def only_reader(layer):
        operations = [
            one for tensor in returned[layer] for one in readers[id(tensor)]
        ]
        return operations[0] if len(operations) == 1 else None

    for layer in section.layers:
        if type(layer) not in _CONVOLUTIONS:
            continue
        norm = only_reader(layer)
        if type(norm) not in _NORMS or not norm.scale:
            continue
        after = only_reader(norm)
        while type(after) in _TRANSPARENT:
            after = only_reader(after)
        if type(after) in _CONVOLUTIONS:
            yield PrunableNorm(layer, norm, after)


def _scale(prunable):
    """Returns |γ|, `[channels]`."""
    return np.abs(keras.ops.convert_to_numpy(prunable.norm.gamma))


def _flops(norms, selected):
    """Returns the FLOPs per example of the convolutions around the norms."""
    outputs = {p.before: len(selected.get(p, _scale(p))) for p in norms}
    inputs = {p.after: len(selected.get(p, _scale(p))) for p in norms}
    flops = 0
    for layer in {**outputs, **inputs}:
        places = math.prod(layer.output.shape[1:-1])
        per_group = inputs.get(layer, layer.input.shape[-1]) // layer.groups
        window = math.prod(layer.kernel_size)
        filters = outputs.get(layer, layer.filters)
        flops += 2 * places * window * per_group * filters
    return flops


def _select_inputs(kernel, channels, groups):
    """Returns a kernel for some of its input channels.

    Args:
        kernel: `[..., input channels of a group, output channels]`.
        channels: the input channels to keep, ascending; None for all.
        groups: the convolution's groups.
    """
    if channels is None:
        return kernel
    size, count = kernel.shape[-2], len(channels) // groups
    parts = np.split(kernel, groups, axis=-1)
    return np.concatenate(
        [
            part[..., channels[g * count : (g + 1) * count] - g * size, :]
            for g, part in enumerate(parts)
        ],
        axis=-1,
    )
