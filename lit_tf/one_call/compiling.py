"""Compiling a student as the user compiled the model."""

import keras

from lit_tf import errors


def compile_alike(student: keras.Model, model: keras.Model) -> None:
    """Compiles a student with the loss and the metrics of a model.

    If the user's loss or a metric has no configuration, a line is printed, and
    the student is not compiled.

    Args:
        student: the student.
        model: the user's model. A class with a `compile` of its own, as those
            of KerasHub, is compiled when it is built.
    """
    if not model.compiled or type(model).compile is not keras.Model.compile:
        return
    try:
        student.compile_from_config(model.get_compile_config())
    except (TypeError, ValueError) as error:  # Functions of the user.
        print(
            "student   is not compiled, because the loss or a metric of "
            f"{model.name} has no configuration ({errors.line(error)})",
            flush=True,
        )
