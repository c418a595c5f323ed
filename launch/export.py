"""lit-export: a saved model as a SavedModel."""

from lit_tf.flags import code, data, exporting, pictures, recipe, texts
from lit_tf.flags import config as flags_config
from lit_tf.launch import command

ABOUT = "writes a model as a float32 SavedModel, raw inputs to probabilities."
TOPICS = (exporting, recipe, data, texts, pictures, code)


def _export(line):
    del line
    output = flags_config.value("output")
    gap = command.load("experiment.saved_models").to_saved_model(
        flags_config.value("model"),
        output,
        flags_config.data(),
        flags_config.session(),
        overwrite=flags_config.value("overwrite"),
    )
    print(f"{output} answers as the model does, to {gap:.1e}.")


def main():
    """Runs the command."""
    command.run(_export, ABOUT, TOPICS)


if __name__ == "__main__":
    main()
