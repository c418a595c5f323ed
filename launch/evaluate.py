"""lit-evaluate: evaluates a saved model on the test split."""

from lit_tf.flags import options, parse
from lit_tf.launch import command

# In the file of results, but not printed.
_NOT_PRINTED = (
    "model",
    "dataset",
    "test_examples",
    "per_class",
    "confused",
    "classes",
)


def _evaluate(line):
    del line
    flags = parse.from_flags(options.Evaluate)
    write = command.json_writer(flags.json)
    results = command.load("experiment.trained_models").evaluate(
        flags.model,
        parse.data(),
        parse.session(),
        teacher_weights=flags.teacher_weights,
        discriminator_weights=flags.discriminator_weights,
    )
    for name, figure in _figures(results):
        print(name, f"{figure:.4f}" if isinstance(figure, float) else figure)
    if results.get("per_class") and results["classes"]:
        lines = command.load("experiment.tasks.class_report").lines
        print(*lines(results["per_class"], results["confused"]), sep="\n")
    write(results)


def _figures(results):
    """Yields the figures by name, nested ones as NAME.NAME."""
    for name, figure in results.items():
        if isinstance(figure, dict):
            yield from ((f"{name}.{k}", v) for k, v in _figures(figure))
        elif name not in _NOT_PRINTED:
            yield name, figure


def main():
    """Runs the command."""
    command.run(_evaluate, "lit-evaluate")


if __name__ == "__main__":
    main()
