"""`differing`: how the layers of two parts differ."""

import types

import keras


def differing(teacher_part: keras.Model, student_part: keras.Model) -> str:
    """Returns how two parts with equal weight shapes differ; "" if not.

    Names and settings that matter only for training may differ.

    Args:
        teacher_part: a part of the teacher.
        student_part: the same part of the student.
    """
    free = ("name", "dtype", "initializer", "regularizer", "trainable", "seed")
    free += ("synchronized",)
    chains = [
        [x for x in part._flatten_layers() if not isinstance(x, keras.Model)]
        for part in (teacher_part, student_part)
    ]
    if len(chains[0]) != len(chains[1]):
        counts = [len(chain) for chain in chains]
        return f"teacher {counts[0]} layers, student {counts[1]}"
    for pair in zip(*chains, strict=True):
        kinds = [type(layer).__name__ for layer in pair]
        if kinds[0] != kinds[1]:
            return (
                f"teacher {kinds[0]} {pair[0].name!r}, "
                f"student {kinds[1]} {pair[1].name!r}"
            )
        first, second = (
            {
                key: value
                for key, value in _config(layer).items()
                if not any(word in key for word in free)
            }
            for layer in pair
        )
        for key in first.keys() & second.keys():
            functions = [_code(getattr(layer, key, None)) for layer in pair]
            if None not in functions and functions[0] == functions[1]:
                continue  # Keras writes one function as different texts.
            if first[key] != second[key]:
                return (
                    f"{kinds[0]} with {key} {first[key]!r} in the teacher, "
                    f"{second[key]!r} in the student"
                )
    return ""


def _config(layer):
    """Returns the configuration of a layer; none of one that has none."""
    try:
        return layer.get_config()
    except (AttributeError, NotImplementedError):
        return {}


def _code(function):
    """Returns what a Python function computes with; None of all else."""
    if not isinstance(function, types.FunctionType):
        return None
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return function.__code__, repr(function.__defaults__), repr(cells)
