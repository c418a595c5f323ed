"""lit-teach: trains a teacher."""

from lit_tf import config
from lit_tf.flags import parse
from lit_tf.launch import command


def _teach(line):
    settings = parse.from_flags(config.Teach)
    command.load("experiment.run").teach(settings, command=line)


def main():
    """Runs the command."""
    command.run(_teach, "lit-teach")


if __name__ == "__main__":
    main()
