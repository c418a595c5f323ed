"""Image translation: trainers, callbacks, evaluation and report of generators.

The paper's section on StarGAN: there are no labels and no logits, so phase
`lit` minimises penalties alone (β = 0), and phase `fine_tune`, which is off by
default, is adversarial.
"""

import dataclasses
import pathlib

import numpy as np

from lit_tf import errors, outputs
from lit_tf.config import Compress
from lit_tf.evaluation import generators
from lit_tf.experiment.tasks import image_report
from lit_tf.experiment.tasks.task import Task, TeacherAccuracy
from lit_tf.methods import stages, stargan
from lit_tf.models.stargan import discriminator
from lit_tf.sections import model_files
from lit_tf.teacher import cacheable
from lit_tf.teacher.frozen import output_alone
from lit_tf.training import image_samples

_NAME = "discriminator"
_VALIDATED = 256  # Images on which a teacher is checked before training.


class ImageTranslation(Task):
    """Trains generators, which change attributes of an image."""

    outputs = outputs.Images()
    validated = "validation_likeness"
    accuracy_of = " of the changes succeed according to the discriminator"
    curves = {
        "g_rec": "reconstruction",
        "kd": "student − teacher, images",
        "validation/kd": "the same, validation",
    }

    def check(self, settings, dataset):
        generators.feature_extractor(settings.session)
        for phase in ("teach", "fine_tune"):
            if not hasattr(settings, phase):
                continue
            count = getattr(settings, phase).microbatches
            errors.require(
                count == 1,
                f"`{phase}_microbatches` must be 1 for image translation: the "
                "batches of adversarial training are not divided.",
                **{f"{phase}_microbatches": count},
            )
        if not isinstance(settings, Compress):
            return
        errors.require(
            settings.method == "lit",
            "`method` must be lit for image translation: the other methods "
            "need labels or a teacher's logits. (To train from scratch, use "
            "lit-teach.)",
            method=settings.method,
        )
        cacheable.check_data(settings.frozen, dataset)
        for sentence in _notes(settings, dataset):
            print(f"{dataset.name}: {sentence}", flush=True)
        path, near = settings.discriminator_weights, settings.teacher_weights
        if path or near:
            self.load_auxiliary_models(dataset, path=path, near=near)
        else:
            self.new_auxiliary_models(dataset, settings.adversarial)

    def batches_per_step(self, settings, phase):
        if phase == "fine_tune" and settings.discriminator == "trained":
            return settings.adversarial.discriminator_steps
        return 1

    def teacher_trainer(self, model, auxiliary_models, settings, *, seed):
        return stargan.Adversarial(
            model,
            auxiliary_models[_NAME],
            trained=True,
            seed=seed,
            **_loss_weights(settings),
        )

    def stages(self, pair, auxiliary_models):
        settings = pair.settings
        scored = settings.export == "closest"
        pair = dataclasses.replace(pair, outputs=outputs.Images(scored=scored))
        stages.copy_initial_weights(pair)
        lit = stages.lit_trainer(pair)
        yield stages.Stage(name="lit", phase="lit", trainer=lit)
        if not settings.with_fine_tune:
            return
        yield stages.Stage(
            name="fine_tune",
            phase="fine_tune",
            trainer=stargan.Adversarial(
                pair.student,
                auxiliary_models[_NAME],
                trained=settings.discriminator == "trained",
                teacher=pair.teacher,
                reference=output_alone(lit.frozen) if scored else None,
                seed=settings.compute.seed,
                **_loss_weights(settings.adversarial),
            ),
        )

    def new_auxiliary_models(self, dataset, settings):
        """Returns the new discriminator.

        Raises:
            SettingsError: if the discriminator is too deep for the image size.
        """
        model = discriminator(
            input_shape=dataset.form["input_shape"],
            classes=len(dataset.classes),
            width=settings.discriminator_width,
            depth=settings.discriminator_depth,
        )
        return {_NAME: model}

    def load_auxiliary_models(self, dataset, *, path, near):
        path = pathlib.Path(path) if path else _find_discriminator(near)
        model = model_files.load(path)
        image, count = dataset.form["input_shape"], len(dataset.classes)
        shapes = [t.shape[1:] for t in (*model.inputs, *model.outputs)]
        expected = (tuple(image), (count,))
        if len(shapes) != 3 or (shapes[0], shapes[2]) != expected:
            raise errors.SettingsError(
                f"The discriminator must take images {tuple(image)} and "
                f"return {count} attributes. Received: {path}, which takes "
                f"{shapes[0]} and returns {shapes[-1]}."
            )
        return {_NAME: model}

    def extra_callbacks(self, phase, logs, position, dataset, session, total):
        return [
            image_samples.ImageSamples(
                phase,
                logs,
                position,
                dataset,
                pathlib.Path(session.workdir) / "samples",
                every=session.sample_steps,
                total=total,
            )
        ]

    def teacher_accuracy(self, frozen, split, dataset, auxiliary_models):
        results = generators.evaluate(
            {"teacher": output_alone(frozen)},
            split.take(np.arange(min(_VALIDATED, len(split)))),
            dataset.classes,
            dataset.exclusive,
            discriminator=auxiliary_models[_NAME],
        )
        return TeacherAccuracy(
            results["roles"]["teacher"]["attribute_accuracy"]
        )

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
        """Reads the test split, evaluates generators and writes a grid.

        Returns:
            `roles`, the results of each model; `judged`, the number of images
            and the feature extractor (see `generators.evaluate`).
        """
        # A model that has two roles is evaluated once.
        first = {id(model): role for role, model in reversed(models.items())}
        results = generators.evaluate(
            {role: models[role] for role in models if role in first.values()},
            dataset.test,
            dataset.classes,
            dataset.exclusive,
            discriminator=auxiliary_models[_NAME],
            reference="teacher" if "teacher" in models else "",
            extractor=generators.feature_extractor(session),
            real=dataset.train,
        )
        evaluated = results.pop("roles")
        roles = {r: evaluated[first[id(model)]] for r, model in models.items()}
        if folder is not None:
            drawn = {"teacher", exported} if exported else models.keys()
            image = image_samples.grid(
                {r: model for r, model in models.items() if r in drawn},
                dataset.test,
                dataset.classes,
                dataset.exclusive,
            )
            image_samples.write(folder.samples / "test.png", image)
        return {"roles": roles, "judged": results}

    def report_lines(self, report):
        return image_report.lines(report)


def _find_discriminator(near):
    """Returns the discriminator's file in the run folder of a generator."""
    folder = pathlib.Path(near)
    folder = folder if folder.is_dir() else folder.parent
    # The run of a student holds the run of its teacher.
    for path in (folder / "teacher", folder):
        if (path / f"{_NAME}.keras").is_file():
            return path / f"{_NAME}.keras"
    raise errors.DataError(
        "A generator is fine-tuned and evaluated with its teacher's "
        f"discriminator, and {folder} holds no {_NAME}.keras. Name the file "
        "with --discriminator_weights."
    )


def _notes(settings, dataset):
    """Returns sentences about settings that rarely give a good generator."""
    notes = []
    if settings.with_fine_tune and settings.discriminator == "fixed":
        notes.append(
            "fine-tuning against a fixed discriminator, as in the paper, "
            "ruined the images in our study: FID 26.33, against 0.14 by phase "
            "lit alone (--nofine_tune) and 0.29 with --discriminator=trained"
        )
    if settings.export == "best":
        notes.append(
            "a generator has no accuracy, so --export=best exports the last "
            "student; --export=closest chooses one on validation"
        )
    elif settings.export == "closest" and dataset.validation is None:
        notes.append(
            "without a validation split no student is chosen, and the last one "
            "is exported"
        )
    return notes


def _loss_weights(settings):
    names = ("discriminator_steps", "lambda_cls", "lambda_rec", "lambda_gp")
    values = dataclasses.asdict(settings)
    return {name: values[name] for name in names}
