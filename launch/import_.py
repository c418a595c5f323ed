"""lit-import: converts weights from elsewhere to a model of this library."""

from lit_tf import config, errors
from lit_tf.flags import options, parse
from lit_tf.launch import command

# Encoders without classes, and so without a dataset: modules of `interop`.
_ENCODERS = ("bert",)


def _import(line):
    del line
    flags = parse.from_flags(options.Import)
    imported = _import_encoder if flags.model in _ENCODERS else _import_model
    imported(flags)


def _import_encoder(flags):
    results = command.load(f"interop.{flags.model}").import_encoder(
        flags.source, flags.output, overwrite=flags.overwrite
    )
    print(
        f"{flags.model}: {results['parameters']:,} parameters in "
        f"{results['arrays']} arrays → {flags.output}"
    )
    if results["preprocessor"]:
        print(f"its tokenizer → {results['preprocessor']}/")


def _import_model(flags):
    errors.require(
        bool(flags.dataset),
        "--dataset must name the dataset that the model's inputs and classes "
        "match.",
        dataset=flags.dataset,
    )
    settings = parse.data()
    results = command.load("interop.import_model").import_model(
        flags.source,
        flags.output,
        settings,
        model=flags.model,
        architecture=parse.from_flags(config.Architecture),
        normalization=flags.normalization,
        overwrite=flags.overwrite,
    )
    softmax = ", final softmax removed" if results["softmax"] else ""
    print(
        f"{results['model']}: {results['parameters']:,} parameters in "
        f"{results['arrays']} arrays, normalization "
        f"{results['normalization']}{softmax} → {flags.output}\n"
        f"Next: lit-evaluate --model={flags.output} "
        f"--dataset={settings.dataset} --data_dir=DIR"
    )


def main():
    """Runs the command."""
    command.run(_import, "lit-import")


if __name__ == "__main__":
    main()
