"""Settings with a cache, and what batches read from it."""

import dataclasses

from lit_tf import config
from lit_tf.data import batches
from lit_tf.experiment import student_training
from lit_tf.methods import stages

SHORT = config.Phase(
    epochs=3, batch_size=100, learning_rate=0.05, weight_decay=0.0
)
VIEWS = 2


def settings(folder, **frozen):
    frozen = {"teacher_cache": "disk", "teacher_cache_views": VIEWS} | frozen
    return config.Compress(
        teacher="small10",
        student="small6",
        frozen=config.Frozen(**frozen),
        teach=SHORT,
        lit=SHORT,
        fine_tune=dataclasses.replace(SHORT, epochs=1),
        session=config.Session(workdir=str(folder / "run")),
    )


def opened(model, digits, folder, **changes):
    """Returns the cached outputs of a trainer's teacher."""
    chosen = dataclasses.replace(settings(folder), **changes)
    pair = stages.Pair(
        settings=chosen,
        teacher=model.teacher,
        student=model.student,
        frozen=model.frozen,
        copy=None,
        new_student=None,
        steps=0,
    )
    return student_training.cached(pair, digits)


def read(digits, views, *, epochs=2 * VIEWS, seed=3):
    """Returns the training batches of some epochs."""
    return list(
        batches.training(
            digits.train,
            batch_size=100,
            epochs=epochs,
            seed=seed,
            crop=digits.crop,
            views=views,
        )
    )
