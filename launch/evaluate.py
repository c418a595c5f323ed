"""lit-evaluate: a saved model's accuracy on the test split."""

import pathlib

from lit_tf.flags import config as flags_config
from lit_tf.flags import data, evaluation, pictures, texts
from lit_tf.launch import command

from lit_tf import files

ABOUT = "reads the test split and prints a saved model's accuracy on it."
TOPICS = (evaluation, data, texts, pictures)


def _evaluate(line):
    del line
    settings, where = flags_config.data()
    place = flags_config.value("json")
    if place:
        files.check_writable(pathlib.Path(place))
    told = command.load("saved").evaluate(
        flags_config.value("model"), settings, **where
    )
    print("test_accuracy {test_accuracy:.4f}".format(**told))
    if place:
        files.write_json(pathlib.Path(place), told)


def main():
    """Runs the command."""
    command.run(_evaluate, ABOUT, TOPICS)


if __name__ == "__main__":
    main()
