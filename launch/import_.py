"""lit-import: converts weights from elsewhere to a model of this library."""

from lit_tf import config
from lit_tf.flags import options, parse
from lit_tf.launch import command


def _import(line):
    del line
    flags, settings = parse.from_flags(options.Import), parse.data()
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
