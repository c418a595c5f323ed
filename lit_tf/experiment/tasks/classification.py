"""Classification: trainers, callbacks, evaluation and report."""

import functools

from lit_tf import outputs
from lit_tf.evaluation import classification
from lit_tf.experiment.tasks import class_report, students_table
from lit_tf.experiment.tasks.task import Task, TeacherAccuracy
from lit_tf.methods import supervised
from lit_tf.methods.stages import method_stages
from lit_tf.teacher.frozen import output_alone
from lit_tf.training import text_samples

_FIGURES = (
    ("validation", "validation_accuracy", "{:.2%}".format),
    ("test", "test_accuracy", "{:.2%}".format),
)


class Classification(Task):
    """Learns classes from labels and from a teacher's logits."""

    outputs = outputs.Classes()
    curves = {
        "accuracy": "student, train",
        "validation/accuracy": "student, validation",
    }

    def teacher_trainer(self, model, auxiliary_models, settings, *, seed):
        return supervised.Teach(model)

    def stages(self, pair, auxiliary_models):
        return method_stages(pair)

    def extra_callbacks(self, phase, logs, position, dataset, session, total):
        return [text_samples.TextSamples(logs, position, dataset)]

    def teacher_accuracy(self, frozen, split, dataset, auxiliary_models):
        predicted = classification.predictions(output_alone(frozen), split)
        return TeacherAccuracy(*classification.judged(predicted, split.labels))

    def evaluate(
        self,
        models,
        dataset,
        session,
        auxiliary_models,
        *,
        exported="",
        folder=None,
    ):
        """Reads the test split and returns accuracies.

        Returns:
            `roles`, with the `test_accuracy` of each model; `per_class` and
            `confused` (see `classification`); for the exported role also
            `agreement` and `difference` (see
            `classification.paired_difference`).
        """
        labels = dataset.test.labels
        # A model that has two roles is evaluated once.
        predict = functools.cache(
            lambda model: classification.predictions(model, dataset.test)
        )
        predicted = {role: predict(model) for role, model in models.items()}
        student = exported or next(iter(predicted))
        compared = {"student": predicted[student]}
        if exported:
            compared = {"teacher": predicted["teacher"], **compared}
        results = {
            "per_class": classification.per_class(
                compared, labels, dataset.classes
            ),
            "confused": classification.confused(
                predicted[student], labels, dataset.classes
            ),
            "roles": {
                role: {
                    "test_accuracy": classification.accuracy(classes, labels)
                }
                for role, classes in predicted.items()
            },
        }
        if exported:
            paired = classification.paired_difference(
                predicted["teacher"], predicted[exported], labels
            )
            results["agreement"] = paired.pop("agreement")
            results["difference"] = paired
        return results

    def report_lines(self, report):
        if "student" not in report:
            return []
        student, paired = report["student"], report["difference"]
        return [
            f"Student − teacher on the {report['data']['test']:,} test "
            f"examples: {100 * paired['difference']:+.2f} points, 95 % "
            f"interval [{100 * paired['low']:+.2f}, "
            f"{100 * paired['high']:+.2f}] (paired); they agree on "
            f"{report['agreement']:.2%}. One seed "
            f"({report['settings']['seed']}).",
            "",
            *students_table.lines(student, _FIGURES),
            *class_report.lines(report["per_class"], report["confused"]),
        ]
