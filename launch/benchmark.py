"""lit-benchmark: times phase lit and its parts."""

import pathlib

from lit_tf import errors
from lit_tf.benchmark.settings import Settings
from lit_tf.flags import parse
from lit_tf.launch import command
from lit_tf.utils import atomic_files


def _benchmark(line):
    del line
    settings = parse.from_flags(Settings)
    errors.require(
        not (settings.memory and parse.value("custom_objects")),
        "`memory` measures in processes that do not import `custom_objects`. "
        "Leave out one of them.",
        custom_objects=parse.value("custom_objects"),
    )
    path = parse.value("json")
    if path:  # Checked before the measurements, which take minutes.
        atomic_files.check_writable(pathlib.Path(path))
    results = command.load("benchmark.timing").run(settings)
    if path:
        atomic_files.write_json(pathlib.Path(path), results)


def main():
    """Runs the command."""
    command.run(_benchmark, "lit-benchmark")


if __name__ == "__main__":
    main()
