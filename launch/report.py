"""lit-report: compares finished runs of lit-compress."""

import dataclasses

from lit_tf.flags import options, parse
from lit_tf.launch import command


def _report(line, folders):
    del line
    flags = dataclasses.asdict(parse.from_flags(options.Report))
    measure = flags.pop("measure_latency")
    command.load("comparison.gather").gather(
        folders, latencies=_latencies if measure else None, **flags
    )


def _latencies(folders):
    """Imports TensorFlow only where there is something to measure."""
    return command.load("experiment.latency").of_runs(folders)


def main():
    """Runs the command."""
    command.run(_report, "lit-report")


if __name__ == "__main__":
    main()
