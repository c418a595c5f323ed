"""lit-evaluate: a saved model's accuracy on the test split."""

import pathlib

from lit_tf.flags import config as flags_config
from lit_tf.flags import data, evaluation
from lit_tf.launch import command

from lit_tf import files

ABOUT = "reads the test split and prints a saved model's accuracy on it."
TOPICS = (evaluation, data)


def _evaluate(line):
    del line
    settings, where = flags_config.data()
    told = command.load("saved").evaluate(
        flags_config.value("model"), settings, **where
    )
    print("test_accuracy {test_accuracy:.4f}".format(**told))
    if flags_config.value("json"):
        files.write_json(pathlib.Path(flags_config.value("json")), told)


def main():
    """Runs the command."""
    command.run(_evaluate, ABOUT, TOPICS)


if __name__ == "__main__":
    main()
