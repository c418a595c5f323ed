"""Paths of a trainer's variables, comparable between two processes.

Keras numbers the names that it makes: the first convolution of a process is
`conv2d`, the next ones are `conv2d_1`, `conv2d_2` …. The same program may
therefore give other numbers to the same model, for instance after it built
another model. It gives them in the same order, though, and that order is what
`first_difference` compares.
"""

import collections
import re
from collections.abc import Sequence

from lit_tf.methods import gradients, trainer

# A name and the numbers at its end: `dense` and `_1`.
_NAME = re.compile(r"(.*?)((?:_\d+)*)")


def of(model: trainer.Trainer) -> dict[str, list[str]]:
    """Returns the paths of the variables in `Trainer.state`, by group.

    A layer's variable has the names of all layers around it in its path:
    `section_1/block_1_conv_1/kernel`. An optimizer's slot has the path of the
    variable that it belongs to: `section_1/block_1_conv_1/kernel/velocity`.
    (`keras.Variable.path` does not serve: it lacks the names of the sections,
    and it is not the same for a model that was loaded from a file.)

    Args:
        model: the compiled trainer.
    """
    paths: dict[int, str] = {}
    for part in (model.student, *model.auxiliary_models.values(), model):
        _add_layer(part, "", paths)
    for optimizer in model.optimizers:
        _add_slots(optimizer, paths)
    return {
        name: [paths.get(id(v), v.path) for v in variables]
        for name, variables in model.state.items()
    }


def _add_layer(layer, prefix, paths):
    for part in layer._flatten_layers(include_self=False, recursive=False):
        _add_layer(part, f"{prefix}{part.name}/", paths)
    for variable in layer.variables:
        paths.setdefault(id(variable), prefix + variable.name)


def _add_slots(optimizer, paths):
    # Keras names a slot after the path of its variable: `dense_kernel_average`.
    # Variables of equal paths have slots in the same order.
    optimizer = gradients.inner(optimizer)
    updated, count = collections.defaultdict(list), collections.Counter()
    for variable in optimizer._trainable_variables:
        updated[variable.path.replace("/", "_")].append(variable)
    for variable in optimizer.variables:
        name, slot = variable.name, ""
        while name and name not in updated:
            name, _, last = name.rpartition("_")
            slot = f"{last}_{slot}" if slot else last
        if name:
            reference = updated[name][count[variable.name]]
            count[variable.name] += 1
            path = paths.get(id(reference), reference.path)
            paths[id(variable)] = f"{path}/{slot}"


def first_difference(
    saved: Sequence[str], present: Sequence[str]
) -> int | None:
    """Returns the first index at which two lists of paths differ, or None.

    Numbers in names count by their order, not by their values: `dense`,
    `dense_1` equals `dense_4`, `dense_7`, but not `dense_7`, `dense_4`.
    """
    pairs = zip(_ranked(saved), _ranked(present), strict=False)
    for index, (one, other) in enumerate(pairs):
        if one != other:
            return index
    if len(saved) != len(present):
        return min(len(saved), len(present))
    return None


def _ranked(paths):
    """Replaces the numbers in paths by their ranks among their siblings."""
    parsed = [[_parse(name) for name in path.split("/")] for path in paths]
    siblings = collections.defaultdict(set)
    for names in parsed:
        for i, (name, numbers) in enumerate(names):
            siblings[*names[:i], name].add(numbers)
    ranks = {key: sorted(numbers) for key, numbers in siblings.items()}
    return [
        [
            (name, ranks[*names[:i], name].index(numbers))
            for i, (name, numbers) in enumerate(names)
        ]
        for names in parsed
    ]


def _parse(name):
    name, numbers = _NAME.fullmatch(name).groups()
    return name, tuple(map(int, numbers.split("_")[1:]))
