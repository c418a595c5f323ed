"""lit-compress: trains a shallow student from a deep teacher."""

from lit_tf import config
from lit_tf.flags import parse
from lit_tf.launch import command


def _compress(line):
    settings = parse.from_flags(config.Compress)
    if parse.value("dry_run"):
        command.load("experiment.dry_run").dry_run(settings)
    else:
        command.load("experiment.run").compress(settings, command=line)


def main():
    """Runs the command."""
    command.run(_compress, "lit-compress")


if __name__ == "__main__":
    main()
