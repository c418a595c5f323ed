"""lit-compress: a deep network in, a shallower one out."""

from lit_tf import config
from lit_tf.flags import (
    adversarial,
    architecture,
    code,
    compression,
    data,
    freezing,
    judging,
    methods,
    own_model,
    pictures,
    recipe,
    run,
    teaching,
    texts,
    validation,
)
from lit_tf.flags import config as flags_config
from lit_tf.launch import command

ABOUT = "trains a shallow student from a deep teacher and proves it as good."
TOPICS = (
    recipe,
    compression,
    own_model,
    code,
    methods,
    freezing,
    teaching,
    architecture,
    adversarial,
    judging,
    data,
    texts,
    pictures,
    validation,
    run,
)


def _compress(line):
    settings = flags_config.from_flags(config.Compress)
    if flags_config.value("dry_run"):
        command.load("experiment.dry_run").dry_run(settings)
    else:
        command.load("experiment.run").compress(settings, command=line)


def main():
    """Runs the command."""
    command.run(_compress, ABOUT, TOPICS)


if __name__ == "__main__":
    main()
