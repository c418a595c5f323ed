"""lit-export: writes a saved model as a file for its place of use."""

import pathlib

from lit_tf.flags import options, parse
from lit_tf.launch import command
from lit_tf.utils import atomic_files


def _export(line):
    del line
    flags = parse.from_flags(options.Export)
    if flags.json:
        atomic_files.check_writable(pathlib.Path(flags.json))
    facts = command.load("deployment.export_command").export(
        flags.model,
        flags.output,
        parse.data(),
        parse.session(),
        flags,
        teacher_weights=flags.teacher_weights,
        overwrite=flags.overwrite,
        texts=flags.texts,
    )
    if flags.json:
        atomic_files.write_json(pathlib.Path(flags.json), facts)


def main():
    """Runs the command."""
    command.run(_export, "lit-export")


if __name__ == "__main__":
    main()
