"""Classification: what is trained, and the proof that a student is as good."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from lit_tf import data
from lit_tf.config import Compress, Session, Teach, methods
from lit_tf.evaluation import classification
from lit_tf.methods import supervised, trainer
from lit_tf.methods.stages import Pair, Stage
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher.frozen import output_alone
from lit_tf.training import checkpoint, metric_logs, run_folder, text_samples

ACCURACY = ""  # Which one it is: there is but one.
# Of the metrics, what is drawn: its tag and its name.
CURVES = {
    "accuracy": "student, train",
    "validation/accuracy": "student, validation",
}


def check(config: Teach | Compress, dataset: data.Dataset) -> None:
    """Refuses what would only be found out at a run's end: nothing."""
    del config, dataset


def teaching(
    config: Teach | Compress,
    model: SectionedModel,
    auxiliary_models: Mapping[str, keras.Model],
) -> trainer.Trainer:
    """Returns the trainer of phase `teach`."""
    del config, auxiliary_models
    return supervised.Teach(model)


def stages(
    pair: Pair, auxiliary_models: Mapping[str, keras.Model]
) -> Iterator[Stage]:
    """Returns who trains a student, one after another."""
    del auxiliary_models
    return methods.get(pair.config.method).load()(pair)


def new(
    config: Teach | Compress, dataset: data.Dataset
) -> dict[str, keras.Model]:
    """Returns what is taught beside a teacher, by name: nothing."""
    del config, dataset
    return {}


def auxiliary_models(
    dataset: data.Dataset, *, named: str, near: str
) -> dict[str, keras.Model]:
    """Returns what lies beside a taught model, by name: nothing."""
    del dataset, named, near
    return {}


def extra_callbacks(
    phase: str,
    logs: metric_logs.Logs,
    position: checkpoint.Position,
    dataset: data.Dataset,
    session: Session,
    total: int,
) -> list[keras.callbacks.Callback]:
    """Returns what shows a phase's examples while it runs."""
    del phase, session, total
    return [text_samples.Readings(logs, position, dataset)]


def validate_teacher(
    frozen: keras.Model,
    split: data.Split,
    dataset: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
) -> float:
    """Returns the accuracy of a teacher's frozen twin."""
    del dataset, auxiliary_models
    asked = output_alone(frozen)
    return classification.accuracy(
        classification.predictions(asked, split), split.labels
    )


def evaluate(
    models: Mapping[str, keras.Model],
    dataset: data.Dataset,
    session: Session,
    auxiliary_models: Mapping[str, keras.Model],
    *,
    exported: str = "",
    folder: run_folder.RunFolder | None = None,
) -> dict[str, Any]:
    """Reads the test split and returns how good models are on it.

    Args:
        models: float32, raw inputs → logits, by role.
        dataset: whose test split is read.
        session: unused.
        beside: unused.
        exported: the role that is set beside role "teacher"; "" for none.
        folder: unused.

    Returns:
        Of the report: in `roles` the `test_accuracy` of each; of the one that
        is exported `agreement` and `difference`.
    """
    del session, auxiliary_models, folder
    labels = dataset.test.labels
    predicted = {
        role: classification.predictions(model, dataset.test)
        for role, model in models.items()
    }
    results = {
        "roles": {
            role: {"test_accuracy": classification.accuracy(found, labels)}
            for role, found in predicted.items()
        }
    }
    if exported:
        paired = classification.paired_difference(
            predicted["teacher"], predicted[exported], labels
        )
        results |= {"agreement": paired.pop("agreement"), "difference": paired}
    return results


def lines(results: Mapping[str, Any]) -> list[str]:
    """Returns what a report says of how good a student is, in Markdown."""
    if "student" not in results:
        return []
    student, paired = results["student"], results["difference"]
    said = [
        f"Student − teacher on the {results['data']['test']:,} test examples: "
        f"{100 * paired['difference']:+.2f} points, 95 % interval "
        f"[{100 * paired['low']:+.2f}, {100 * paired['high']:+.2f}] (paired); "
        f"they agree on {results['agreement']:.2%}. One seed "
        f"({results['settings']['seed']}).",
        "",
        f"| student | epoch of {student['last_phase']} | validation | test |",
        "|---|---|---|---|",
    ]
    for which in ("last", "best"):
        one = student[which]
        if one is not None:
            validation = one["validation_accuracy"]
            said.append(
                f"| {which}{' (exported)' * (which == student['exported'])} "
                f"| {one['epoch']} "
                f"| {'—' if validation is None else f'{validation:.2%}'} "
                f"| {one['test_accuracy']:.2%} |"
            )
    return [
        *said,
        "",
        "Chosen on validation; the test split was read once, after the last "
        "phase.",
    ]
