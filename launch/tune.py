"""lit-tune: chooses temperature, alpha and beta on the validation split."""

import pathlib
import sys

from lit_tf.flags import options, parse
from lit_tf.launch import command
from lit_tf.training import begun_run
from lit_tf.tuning import record, runners, search
from lit_tf.tuning.settings import Tune


def _tune(line):
    settings = parse.from_flags(Tune)
    settings = begun_run.as_begun(settings)
    flags = parse.from_flags(options.Tune)
    if flags.dry_run:
        log = runners.dry_run(
            settings, *settings.stages, custom_objects=flags.custom_objects
        )
        print(log.read_text(encoding="utf-8"))
        return
    if flags.print_commands:
        # The standard output holds only the commands.
        runner = runners.elsewhere(
            settings, custom_objects=flags.custom_objects
        )
        output = sys.stderr
    else:
        runner = runners.here(
            settings,
            parallel=flags.parallel,
            custom_objects=flags.custom_objects,
        )
        output = sys.stdout
    decided = search.tune(settings, runner, command=line)
    if len(decided) == len(settings.stages):
        path = pathlib.Path(settings.session.workdir, record.FLAGFILE)
        print(
            f"\n{record.table(decided)}\n\n{record.NOTE}\n"
            f"To train with these values: lit-compress … --flagfile={path}",
            file=output,
        )


def main():
    """Runs the command."""
    command.run(_tune, "lit-tune")


if __name__ == "__main__":
    main()
