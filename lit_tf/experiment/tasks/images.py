"""Pictures into pictures: what is trained, and how a generator is judged.

The paper's section on StarGAN: no labels and no logits, so that phase `lit` is
all representation (β = 0), and phase `fine_tune` is adversarial.
"""

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from lit_tf import data, errors, outputs
from lit_tf.config import Compress, Session, Teach
from lit_tf.evaluation import generators
from lit_tf.methods import trainer
from lit_tf.methods.stages import Pair, Stage, lit_trainer, start
from lit_tf.methods.stargan import Adversarial
from lit_tf.models.stargan import discriminator
from lit_tf.sections import sectioned_model
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher.frozen import output_alone
from lit_tf.training import checkpoint, image_samples, metric_logs, run_folder
from lit_tf.utils import text_format

ACCURACY = " of changes succeed, as its discriminator sees them,"
# Of the metrics, what is drawn: its tag and its name.
CURVES = {
    "g_rec": "reconstruction",
    "kd": "student − teacher, images",
    "validation/kd": "the same, validation",
}
_NAME = "discriminator"
_LOOKED_AT = 256  # Pictures, before anything is trained.


def check(config: Teach | Compress, dataset: data.Dataset) -> None:
    """Refuses what would only be found out when it is needed.

    Raises:
        SettingsError: there can be no such discriminator, judge or method, or
            answers are to be kept.
        DataError: the teacher's discriminator or a judge is missing.
    """
    generators.seen_by(config.session)
    if not isinstance(config, Compress):
        return
    errors.require(
        config.method == "lit",
        "`method` must be lit where pictures become pictures: the others need "
        "labels, or a teacher's logits. (From scratch: lit-teach.)",
        method=config.method,
    )
    errors.require(
        config.frozen.teacher_cache == "off",
        "`teacher_cache` must be off where pictures become pictures: their "
        "targets change with every batch.",
        teacher_cache=config.frozen.teacher_cache,
    )
    named, near = config.discriminator_weights, config.teacher_weights
    if named or near:
        auxiliary_models(dataset, named=named, near=near)
    else:
        new(config, dataset)


def teaching(
    config: Teach | Compress,
    model: SectionedModel,
    auxiliary_models: Mapping[str, keras.Model],
) -> trainer.Trainer:
    """Returns the trainer of phase `teach`, of a discriminator too."""
    return Adversarial(
        model, auxiliary_models[_NAME], trained=True, **_weights(config)
    )


def stages(
    pair: Pair, auxiliary_models: Mapping[str, keras.Model]
) -> Iterator[Stage]:
    """Yields who trains a generator, one after another."""
    start(pair)
    yield Stage(
        name="lit",
        phase="lit",
        trainer=lit_trainer(pair, kinds=outputs.Images()),
    )
    if pair.config.no_fine_tune:
        return
    adversarial = Adversarial(
        pair.student,
        auxiliary_models[_NAME],
        trained=pair.config.discriminator == "trained",
        teacher=pair.teacher,
        frozen=pair.frozen,
        **_weights(pair.config),
    )
    yield Stage(name="fine_tune", phase="fine_tune", trainer=adversarial)


def new(
    config: Teach | Compress, dataset: data.Dataset
) -> dict[str, keras.Model]:
    """Returns the discriminator that is taught beside a teacher.

    Raises:
        SettingsError: the pictures' size is none for it.
    """
    settings = config.adversarial
    model = discriminator(
        input_shape=dataset.form["input_shape"],
        classes=len(dataset.classes),
        width=settings.discriminator_width,
        depth=settings.discriminator_depth,
    )
    return {_NAME: model}


def auxiliary_models(
    dataset: data.Dataset, *, named: str, near: str
) -> dict[str, keras.Model]:
    """Returns a teacher's discriminator.

    Args:
        dataset: whose pictures it is of.
        named: its file; "" for the one near a generator.
        near: a generator's file, or its run's folder.

    Raises:
        DataError: it is missing or damaged.
        SettingsError: it is of other pictures or attributes.
    """
    path = pathlib.Path(named)
    if not named:
        folder = pathlib.Path(near)
        folder = folder if folder.is_dir() else folder.parent
        # Of a student's run its teacher's.
        found = [f / f"{_NAME}.keras" for f in (folder / "teacher", folder)]
        path = next((file for file in found if file.is_file()), None)
        if path is None:
            raise errors.DataError(
                "A generator is fine-tuned and judged by its teacher's "
                f"discriminator, and {folder} holds no {_NAME}.keras. Name it "
                "with --discriminator_weights."
            )
    model = sectioned_model.load(path)
    image, count = dataset.form["input_shape"], len(dataset.classes)
    shapes = [t.shape[1:] for t in (*model.inputs, *model.outputs)]
    if len(shapes) != 3 or (shapes[0], shapes[2]) != (tuple(image), (count,)):
        raise errors.SettingsError(
            f"A discriminator must be of pictures {tuple(image)} and {count} "
            f"attributes. Received: {path} of {shapes[0]} and {shapes[-1]}."
        )
    return {_NAME: model}


def extra_callbacks(
    phase: str,
    logs: metric_logs.Logs,
    position: checkpoint.Position,
    dataset: data.Dataset,
    session: Session,
    total: int,
) -> list[keras.callbacks.Callback]:
    """Returns what shows a phase's pictures while it runs."""
    folder = pathlib.Path(session.workdir) / "samples"
    every = session.sample_steps
    return [
        image_samples.Samples(
            phase, logs, position, dataset, folder, every=every, total=total
        )
    ]


def validate_teacher(
    frozen: keras.Model,
    split: data.Split,
    dataset: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
) -> float:
    """Returns how many changes succeed, of a teacher's frozen twin."""
    results = generators.evaluate(
        {"teacher": output_alone(frozen)},
        split.take(np.arange(min(_LOOKED_AT, len(split)))),
        dataset.classes,
        dataset.exclusive,
        discriminator=auxiliary_models[_NAME],
    )
    return results["roles"]["teacher"]["attribute_accuracy"]


def evaluate(
    models: Mapping[str, keras.Model],
    dataset: data.Dataset,
    session: Session,
    auxiliary_models: Mapping[str, keras.Model],
    *,
    exported: str = "",
    folder: run_folder.RunFolder | None = None,
) -> dict[str, Any]:
    """Reads the test split and returns how good generators are on it.

    Args:
        models: float32, by role; all are compared with role "teacher", if
            there is one.
        dataset: whose test split is read.
        session: by which features pictures are judged.
        beside: the discriminator that judges them.
        exported: unused.
        folder: the run folder, for a grid of pictures; None for none.

    Returns:
        Of the report: in `roles` what is known of each; in `judged` on how
        many pictures, in which features (see `judging.judge`).
    """
    del exported
    results = generators.evaluate(
        models,
        dataset.test,
        dataset.classes,
        dataset.exclusive,
        discriminator=auxiliary_models[_NAME],
        reference="teacher" if "teacher" in models else "",
        seen=generators.seen_by(session),
        real=dataset.train,
    )
    if folder is not None:
        image = image_samples.grid(
            models, dataset.test, dataset.classes, dataset.exclusive
        )
        image_samples.write(folder.samples / "test.png", image)
    return {"roles": results.pop("roles"), "judged": results}


def lines(results: Mapping[str, Any]) -> list[str]:
    """Returns what a report says of a run's pictures, in Markdown."""
    if "judged" not in results:
        return []
    judged = results["judged"]
    roles = {r: results[r] for r in ("teacher", "student") if r in results}
    names = results["teacher"]["attributes"]
    rows = [("changed into", *roles)]
    for name in names:
        each = (f"{one['attributes'][name]:.2%}" for one in roles.values())
        rows.append((name, *each))
    said = (
        f"Judged on {judged['pictures']:,} pictures a generator: those of the "
        f"test split, each with {len(names)} attributes changed in turn. A "
        "change succeeds where the teacher's discriminator then finds the "
        "attribute as it was asked for; in the pictures as they are it finds "
        f"{judged['discriminator_accuracy']:.2%} of them as they are."
    )
    if "features" in judged:
        said += (
            f" FID and Inception score go by {judged['features']}, FID against "
            f"{judged['real_pictures']:,} real training pictures; they compare "
            "with others by the same network and numbers alone."
        )
    return [
        *_likeness(results),
        said,
        "",
        text_format.table(rows),
        "",
        "Below: a test picture, then with each attribute changed "
        f"({', '.join(roles)}).",
        "",
        "![Samples](samples/test.png)",
    ]


def _likeness(results):
    if "student" not in results:
        return []
    like = results["student"]["likeness"]
    psnr = "∞" if like["psnr"] is None else f"{like['psnr']:.2f}"
    said = (
        f"Student against teacher, picture by picture: L1 {like['l1']:.4f}, "
        f"PSNR {psnr} dB, SSIM {like['ssim']:.4f}. The last student: no one "
        f"number chooses a generator. One seed ({results['settings']['seed']})."
    )
    return [said, ""]


def _weights(config):
    settings = config.adversarial
    names = ("discriminator_steps", "lambda_cls", "lambda_rec", "lambda_gp")
    return {name: getattr(settings, name) for name in names} | {
        "seed": config.run.seed
    }
