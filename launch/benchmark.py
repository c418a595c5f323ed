"""lit-benchmark: times phase lit and its parts."""

from lit_tf import errors
from lit_tf.benchmark.settings import Settings
from lit_tf.flags import parse
from lit_tf.launch import command


def _benchmark(line):
    del line
    settings = parse.from_flags(Settings)
    errors.require(
        not (settings.memory and parse.value("custom_objects")),
        "`memory` measures in processes that do not import `custom_objects`. "
        "Leave out one of them.",
        custom_objects=parse.value("custom_objects"),
    )
    write = command.json_writer(parse.value("json"))
    write(command.load("benchmark.timing").run(settings))


def main():
    """Runs the command."""
    command.run(_benchmark, "lit-benchmark")


if __name__ == "__main__":
    main()
