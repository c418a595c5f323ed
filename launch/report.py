"""lit-report: compares finished runs of lit-compress."""

import dataclasses

from lit_tf.flags import options, parse
from lit_tf.launch import command


def _report(line, folders):
    del line
    flags = parse.from_flags(options.Report)
    command.load("comparison.gather").gather(
        folders, **dataclasses.asdict(flags)
    )


def main():
    """Runs the command."""
    command.run(_report, "lit-report")


if __name__ == "__main__":
    main()
