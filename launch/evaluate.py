"""lit-evaluate: how good a saved model is on the test split."""

import pathlib

from lit_tf.flags import config as flags_config
from lit_tf.flags import (
    data,
    evaluation,
    judging,
    pictures,
    recipe,
    texts,
)
from lit_tf.launch import command

from lit_tf import files

ABOUT = "reads the test split and prints how good a saved model is on it."
TOPICS = (evaluation, judging, recipe, data, texts, pictures)


def _evaluate(line):
    del line
    place = flags_config.value("json")
    if place:
        files.check_writable(pathlib.Path(place))
    told = command.load("saved").evaluate(
        flags_config.value("model"),
        flags_config.data(),
        flags_config.session(),
        teacher_weights=flags_config.value("teacher_weights"),
        discriminator_weights=flags_config.value("discriminator_weights"),
    )
    for name, figure in told.items():
        if isinstance(figure, float):
            print(f"{name} {figure:.4f}")
    if place:
        files.write_json(pathlib.Path(place), told)


def main():
    """Runs the command."""
    command.run(_evaluate, ABOUT, TOPICS)


if __name__ == "__main__":
    main()
