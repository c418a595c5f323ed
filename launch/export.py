"""lit-export: writes a saved model as a SavedModel."""

from lit_tf.flags import options, parse
from lit_tf.launch import command


def _export(line):
    del line
    flags = parse.from_flags(options.Export)
    difference = command.load("experiment.saved_models").to_saved_model(
        flags.model,
        flags.output,
        parse.data(),
        parse.session(),
        overwrite=flags.overwrite,
        texts=flags.texts,
    )
    print(
        f"Wrote {flags.output}. Its outputs differ from the model's by at most "
        f"{difference:.1e}."
    )


def main():
    """Runs the command."""
    command.run(_export, "lit-export")


if __name__ == "__main__":
    main()
