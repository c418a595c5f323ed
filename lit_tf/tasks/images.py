"""Pictures into pictures: what is trained, and how a generator is judged.

The paper's section on StarGAN: no labels and no logits, so that phase `lit` is
all representation (β = 0), and phase `fine_tune` is adversarial.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from lit_tf import (
    checkpoints,
    data,
    errors,
    gan,
    judging,
    lit,
    outputs,
    report,
    samples,
    sectioned,
    trainer,
)
from lit_tf import config as configs
from lit_tf import logs as logging
from lit_tf import workdir as workdirs
from lit_tf.models import stargan

ACCURACY = " of changes succeed, as its discriminator sees them,"
# Of the metrics, what is drawn: its tag and its name.
CURVES = {
    "g_rec": "reconstruction",
    "kd": "student − teacher, images",
    "validation/kd": "the same, validation",
}
_NAME = "discriminator"
_LOOKED_AT = 256  # Pictures, before anything is trained.


def check(
    config: configs.Teach | configs.Compress, dataset: data.Dataset
) -> None:
    """Refuses what would only be found out when it is needed.

    Raises:
        SettingsError: there can be no such discriminator or judge, or answers
            are to be kept.
        DataError: the teacher's discriminator or a judge is missing.
    """
    if isinstance(config, configs.Compress):
        beside(config, dataset, "")
        errors.require(
            config.frozen.teacher_cache == "off",
            "`teacher_cache` must be off where pictures become pictures: their "
            "targets change with every batch.",
            teacher_cache=config.frozen.teacher_cache,
        )
    else:
        _new_discriminator(config, dataset)
    judging.seen_by(config.session)


def teaching(
    config: configs.Teach | configs.Compress,
    model: sectioned.SectionedModel,
    dataset: data.Dataset,
) -> trainer.Trainer:
    """Returns the trainer of phase `teach`, with a new discriminator."""
    return gan.Adversarial(
        model,
        _new_discriminator(config, dataset),
        trained=True,
        **_weights(config),
    )


def compression(
    config: configs.Compress,
    teacher: sectioned.SectionedModel,
    student: sectioned.SectionedModel,
    frozen: keras.Model,
    beside: Mapping[str, keras.Model],
) -> dict[str, trainer.Trainer]:
    """Returns the trainers of phases `lit` and `fine_tune`, by name."""
    method = config.method
    return {
        "lit": lit.LIT(
            teacher,
            student,
            beta=method.beta,
            penalty=method.penalty,
            outputs=outputs.Images(),
            frozen=frozen,
        ),
        "fine_tune": gan.Adversarial(
            student,
            beside[_NAME],
            trained=config.discriminator == "trained",
            teacher=teacher,
            frozen=frozen,
            **_weights(config),
        ),
    }


def beside(
    config: configs.Compress, dataset: data.Dataset, taught: str
) -> dict[str, keras.Model]:
    """Returns the teacher's discriminator, a new one before it was taught.

    Raises:
        DataError: it is missing or damaged.
        SettingsError: it is of other pictures or attributes.
    """
    named, by = config.discriminator_weights, taught or config.teacher_weights
    if named or by:
        return {_NAME: _discriminator(named, by, dataset)}
    return {_NAME: _new_discriminator(config, dataset)}


def watchers(
    phase: str,
    logs: logging.Logs,
    position: checkpoints.Position,
    dataset: data.Dataset,
    session: configs.Session,
    total: int,
) -> list[keras.callbacks.Callback]:
    """Returns what shows a phase's pictures while it runs."""
    folder = pathlib.Path(session.workdir) / "samples"
    every = session.sample_steps
    return [
        samples.Samples(
            phase, logs, position, dataset, folder, every=every, total=total
        )
    ]


def look_at(
    model: trainer.Trainer,
    split: data.Split,
    dataset: data.Dataset,
    beside: Mapping[str, keras.Model],
) -> float:
    """Returns the fraction of target attributes that a teacher reaches."""
    some = split.take(np.arange(min(_LOOKED_AT, len(split))))
    told = judging.judge(
        {"teacher": model.teacher},
        some,
        dataset.classes,
        dataset.exclusive,
        discriminator=beside[_NAME],
    )
    return told["roles"]["teacher"]["attribute_accuracy"]


def evaluate(
    model: keras.Model,
    dataset: data.Dataset,
    session: configs.Session,
    *,
    teacher: keras.Model | None,
    discriminator_weights: str,
    beside: str,
) -> dict[str, Any]:
    """Reads the test split and returns what `judging.judge` says of a model.

    Args:
        model: a generator.
        dataset: whose test split is read.
        session: by which features it is judged.
        teacher: whom it is compared with, if anybody.
        discriminator_weights: its judge's file; "" for what lies beside one.
        beside: a generator's file, or its run's folder.
    """
    models = {"teacher": teacher} if teacher else {}
    told = judging.judge(
        {**models, "student": model},
        dataset.test,
        dataset.classes,
        dataset.exclusive,
        discriminator=_discriminator(discriminator_weights, beside, dataset),
        reference="teacher" if teacher else "",
        seen=judging.seen_by(session),
        real=dataset.train,
    )
    return told.pop("roles")["student"] | told


def judge_teacher(
    config: configs.Teach,
    teacher: sectioned.SectionedModel,
    dataset: data.Dataset,
    folder: workdirs.Workdir,
    beside: Mapping[str, keras.Model],
) -> dict[str, Any]:
    """Reads the test split and judges a generator on it, and draws a grid."""
    told = _judged(config, {"teacher": teacher}, dataset, folder, beside[_NAME])
    return told.pop("roles")["teacher"] | {"judged": told}


def judge(
    config: configs.Compress,
    teacher: sectioned.SectionedModel,
    students: Mapping[str, sectioned.SectionedModel],
    exported: str,
    dataset: data.Dataset,
    folder: workdirs.Workdir,
    beside: Mapping[str, keras.Model],
) -> dict[str, Any]:
    """Reads the test split and judges students beside their teacher.

    Args:
        config: the settings.
        teacher: float32.
        students: likewise, by which they are: "last" alone, as no one number
            chooses a generator.
        exported: which of them is.
        dataset: whose test split is read.
        folder: the run folder, for the grid.
        beside: the teacher's discriminator.

    Returns:
        Of the report: `teacher`, `student`, `students`, and in `judged` on
        how many pictures, in which features.
    """
    models = {"teacher": teacher, "student": students[exported]}
    told = _judged(config, models, dataset, folder, beside[_NAME])
    roles = told.pop("roles")
    return {
        **roles,
        "students": {which: {} for which in students},
        "judged": told,
    }


def teacher_lines(told: Mapping[str, Any]) -> list[str]:
    """Returns what a teacher's report says of its pictures, in Markdown."""
    if "judged" not in told["teacher"]:
        return []
    return [*_said(told["teacher"]["judged"], {"teacher": told["teacher"]}), ""]


def lines(told: Mapping[str, Any]) -> list[str]:
    """Returns what a report says of the student's pictures, in Markdown."""
    roles = {role: told[role] for role in ("teacher", "student")}
    like = told["student"]["likeness"]
    psnr = "∞" if like["psnr"] is None else f"{like['psnr']:.2f}"
    said = (
        f"Student against teacher, picture by picture: L1 {like['l1']:.4f}, "
        f"PSNR {psnr} dB, SSIM {like['ssim']:.4f}. The last "
        "student: no one number chooses a generator. One seed "
        f"({told['settings']['seed']})."
    )
    return [said, "", *_said(told["judged"], roles)]


def _said(judged, roles):
    names = next(iter(roles.values()))["attributes"]
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
    order = ", ".join(roles)
    grid = [
        f"Below: a test picture, then with each attribute changed ({order}).",
        "",
        "![Samples](samples/test.png)",
    ]
    return [said, "", report.markdown(rows), "", *grid]


def _judged(config, models, dataset, folder, discriminator):
    image = samples.grid(
        models, dataset.test, dataset.classes, dataset.exclusive
    )
    samples.write(folder.samples / "test.png", image)
    return judging.judge(
        models,
        dataset.test,
        dataset.classes,
        dataset.exclusive,
        discriminator=discriminator,
        reference="teacher",
        seen=judging.seen_by(config.session),
        real=dataset.train,
    )


def _discriminator(named, generator, dataset):
    """Returns the discriminator that is named, or lies beside a generator."""
    path = pathlib.Path(named)
    if not named:
        folder = pathlib.Path(generator)
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
    model = sectioned.load(path)
    image, count = dataset.form["input_shape"], len(dataset.classes)
    shapes = [t.shape[1:] for t in (*model.inputs, *model.outputs)]
    if len(shapes) != 3 or (shapes[0], shapes[2]) != (tuple(image), (count,)):
        raise errors.SettingsError(
            f"A discriminator must be of pictures {tuple(image)} and {count} "
            f"attributes. Received: {path} of {shapes[0]} and {shapes[-1]}."
        )
    return model


def _new_discriminator(config, dataset):
    settings = config.adversarial
    return stargan.discriminator(
        input_shape=dataset.form["input_shape"],
        classes=len(dataset.classes),
        width=settings.discriminator_width,
        depth=settings.discriminator_depth,
    )


def _weights(config):
    settings = config.adversarial
    names = ("discriminator_steps", "lambda_cls", "lambda_rec", "lambda_gp")
    return {name: getattr(settings, name) for name in names} | {
        "seed": config.run.seed
    }
