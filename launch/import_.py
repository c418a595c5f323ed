"""lit-import: somebody else's weights as a model of ours."""

from lit_tf import config
from lit_tf.flags import architecture, code, importing, pictures, texts
from lit_tf.flags import config as flags_config
from lit_tf.launch import command

ABOUT = "reads somebody else's weights and writes a model, raw inputs → logits."
TOPICS = (importing, architecture, texts, pictures, code)


def _import(line):
    del line
    settings, output = flags_config.data(), flags_config.value("output")
    results = command.load("interop.import_model").import_model(
        flags_config.value("source"),
        output,
        settings,
        model=flags_config.value("model"),
        architecture=flags_config.from_flags(config.Architecture),
        normalization=flags_config.value("normalization"),
        overwrite=flags_config.value("overwrite"),
    )
    softmax = ", final softmax taken off" if results["softmax"] else ""
    print(
        "{model}: {parameters:,} parameters in {arrays} arrays, normalization "
        "{normalization}{softmax} → {output}\n"
        "Next: lit-evaluate --model={output} --dataset={dataset} "
        "--data_dir=DIR".format(
            **results
            | {
                "softmax": softmax,
                "output": output,
                "dataset": settings.dataset,
            }
        )
    )


def main():
    """Runs the command."""
    command.run(_import, ABOUT, TOPICS)


if __name__ == "__main__":
    main()
