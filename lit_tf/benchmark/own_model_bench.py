"""The bench of a user's model in a file: `bench_of`."""

import dataclasses
import functools

from lit_tf import config, errors
from lit_tf.benchmark import random_data
from lit_tf.benchmark.bench import BATCHES, Bench
from lit_tf.benchmark.settings import Settings
from lit_tf.data import own_data
from lit_tf.experiment import build, model_paths, trained_models
from lit_tf.methods import method_checks
from lit_tf.outputs import derived
from lit_tf.sections import copying, inspection, shrink, softmax


def bench_of(settings: Settings, *, steps: int | None = None) -> Bench:
    """Returns the bench of architectures or of a user's model.

    Args:
        settings: the settings of the benchmark.
        steps: see `Bench`.

    Raises:
        SettingsError: as `Bench`.
        DataError: as `Bench`, or if the model's file is missing or damaged.
    """
    kind = OwnModelBench if settings.teacher_weights else Bench
    return kind(settings, steps=steps)


class OwnModelBench(Bench):
    """The benchmark of a user's model, read once, and of its students.

    Arguments and errors are those of `Bench`.
    """

    def check(self):
        model_paths.find(self.settings.teacher_weights, *model_paths.TEACHERS)

    def load_dataset(self):
        settings = self.settings
        if settings.real:
            self.config = build.complete(self.config)
            dataset = build.load_dataset(self.config.data, self.config.session)
            errors.require(
                dataset.task == "classes",
                "lit-benchmark needs labels of classes. Leave out `dataset` "
                "and `data_dir` for random inputs and labels.",
                dataset=dataset.name,
            )
            return dataset
        return random_data.of_model(
            self._whole,
            examples=BATCHES * settings.batch_size,
            batch_size=settings.batch_size,
            seed=settings.seed,
        )

    @property
    def title(self):
        _, student = self.pair()
        what = f"real {self.dataset.name}" if self.settings.real else "random"
        return (
            f"{self._teacher.name} → {student.name} on {what} "
            f"{derived.describe(self.outputs)}"
        )

    @functools.cached_property
    def outputs(self):
        if self.settings.real:
            return super().outputs
        return derived.derive(
            self._whole,
            own_data.first_labels(self.dataset.train),
            alpha=self.config.loss.alpha,
            temperature=self.config.loss.temperature,
        )

    def pair(self):
        if not self.settings.real:
            own_data.check_inputs(self._whole, self.dataset)
        teacher = self._teacher
        student = build.new_student(
            self.config, self.dataset, teacher, self._blocks
        )
        self._blocks = tuple(student.facts["blocks"])
        # Some models have no cache: only its pieces are left out.
        cacheless = dataclasses.replace(self.config, frozen=config.Frozen())
        method_checks.check(cacheless, teacher, student, self.outputs)
        return teacher, student

    # Number of blocks of the student's sections, after they were chosen.
    _blocks: tuple[int, ...] = ()

    @functools.cached_property
    def _whole(self):
        """The model as its file has it, with known sizes of its inputs."""
        model = model_paths.load_teacher(self.settings.teacher_weights)
        return random_data.sized(model, self.settings.sequence_length)

    @functools.cached_property
    def _teacher(self):
        """The model in float32, cut, which returns logits."""
        settings, shrinking = self.config, self.config.shrink
        if self.settings.real:
            return trained_models.load_teacher(
                settings.teacher_weights,
                self.dataset,
                name=settings.teacher,
                architecture=settings.architecture,
                cuts=shrinking.cuts,
                sections=shrinking.sections,
            )
        teacher = shrink.with_sections(
            softmax.logits(self._whole),
            shrinking.cuts,
            shrinking.sections or None,
        )
        if inspection.computes_in(teacher) != {"float32"}:
            teacher = copying.copy_model(teacher, policy="float32")
        return teacher
