"""lit-tune: temperature, alpha and beta, chosen on validation."""

import pathlib
import sys

from lit_tf.flags import config as flags_config
from lit_tf.flags import tuning
from lit_tf.launch import command, compress
from lit_tf.tuning import record, runners, search, settings

ABOUT = (
    "chooses temperature, alpha and beta on the validation split, by runs of "
    "lit-compress, whose flags it takes."
)
TOPICS = (tuning, *compress.TOPICS)


def _tune(line):
    wanted = flags_config.from_flags(settings.Tune, workdir="runs/tune")
    if flags_config.value("dry_run"):
        print(runners.dry_run(wanted, "temperature", "alpha").read_text())
        return
    if flags_config.value("print_commands"):
        # Nothing but commands on the standard output.
        run, results = runners.elsewhere(wanted), sys.stderr
    else:
        parallel = flags_config.value("parallel")
        run, results = runners.here(wanted, parallel=parallel), sys.stdout
    decided = search.tune(wanted, run, command=line)
    if len(decided) == len(settings.NAMES):
        place = pathlib.Path(wanted.session.workdir, record.FLAGFILE)
        print(
            f"\n{record.table(decided)}\n\n{record.NOTE}\n"
            f"To train with it: lit-compress … --flagfile={place}",
            file=results,
        )


def main():
    """Runs the command."""
    command.run(_tune, ABOUT, TOPICS)


if __name__ == "__main__":
    main()
