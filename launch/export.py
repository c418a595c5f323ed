"""lit-export: writes a saved model as a file for its place of use."""

from lit_tf.flags import options, parse
from lit_tf.launch import command


def _export(line):
    del line
    flags = parse.from_flags(options.Export)
    write = command.json_writer(flags.json)
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
    write(facts)


def main():
    """Runs the command."""
    command.run(_export, "lit-export")


if __name__ == "__main__":
    main()
