"""lit-benchmark: what a step takes, and what it could take."""

import pathlib

from lit_tf.benchmark.settings import Settings
from lit_tf.flags import architecture, benchmarking
from lit_tf.flags import config as flags_config
from lit_tf.launch import command
from lit_tf.utils import atomic_files

ABOUT = "times phase lit, what it consists of, and keras.distillation on it."
TOPICS = (benchmarking, architecture)


def _benchmark(line):
    del line
    settings = flags_config.from_flags(Settings)
    place = flags_config.value("json")
    if place:  # Asked before, not after, all that is measured.
        atomic_files.check_writable(pathlib.Path(place))
    results = command.load("benchmark.run").run(settings)
    if place:
        atomic_files.write_json(pathlib.Path(place), results)


def main():
    """Runs the command."""
    command.run(_benchmark, ABOUT, TOPICS)


if __name__ == "__main__":
    main()
