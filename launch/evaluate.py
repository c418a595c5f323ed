"""lit-evaluate: how good a saved model is on the test split."""

import pathlib

from lit_tf.flags import (
    code,
    data,
    evaluation,
    judging,
    pictures,
    recipe,
    texts,
    validation,
)
from lit_tf.flags import config as flags_config
from lit_tf.launch import command
from lit_tf.utils import atomic_files

ABOUT = "reads the test split and prints how good a saved model is on it."
# FID compares with the pictures that a run of the same flags trains on.
TOPICS = (
    evaluation,
    judging,
    recipe,
    data,
    texts,
    pictures,
    validation,
    code,
)


def _evaluate(line):
    del line
    place = flags_config.value("json")
    if place:
        atomic_files.check_writable(pathlib.Path(place))
    results = command.load("experiment.saved_models").evaluate(
        flags_config.value("model"),
        flags_config.data(),
        flags_config.session(),
        teacher_weights=flags_config.value("teacher_weights"),
        discriminator_weights=flags_config.value("discriminator_weights"),
    )
    for name, figure in _figures(results):
        print(name, f"{figure:.4f}" if isinstance(figure, float) else figure)
    if place:
        atomic_files.write_json(pathlib.Path(place), results)


def _figures(results):
    """Yields the figures by name, nested ones as NAME.NAME."""
    for name, figure in results.items():
        if isinstance(figure, dict):
            yield from ((f"{name}.{k}", v) for k, v in _figures(figure))
        elif name not in ("model", "dataset", "test_examples"):  # Well known.
            yield name, figure


def main():
    """Runs the command."""
    command.run(_evaluate, ABOUT, TOPICS)


if __name__ == "__main__":
    main()
