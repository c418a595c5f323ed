"""lit-teach: trains a teacher."""

from absl import flags

from lit_tf import config
from lit_tf.flags import (
    adversarial,
    architecture,
    data,
    judging,
    pictures,
    recipe,
    run,
    teaching,
    texts,
    validation,
)
from lit_tf.flags import config as flags_config
from lit_tf.launch import command

ABOUT = "trains a teacher for lit-compress --teacher_weights."
TOPICS = (
    recipe,
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

flags.DEFINE_alias("model", "teacher", module_name=teaching.__name__)


def _teach(line):
    settings = flags_config.from_flags(config.Teach)
    command.load("experiment.run").teach(settings, command=line)


def main():
    """Runs the command."""
    command.run(_teach, ABOUT, TOPICS)


if __name__ == "__main__":
    main()
