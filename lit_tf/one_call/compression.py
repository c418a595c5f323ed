"""`compress`: one call from a user's model and data to a shallower student."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from lit_tf import config, errors
from lit_tf.config import own_model
from lit_tf.data import own_data
from lit_tf.experiment import planned_epochs
from lit_tf.one_call import argument_checks, arguments, run_files
from lit_tf.one_call.call import Call
from lit_tf.one_call.result import CompressionResult
from lit_tf.outputs import Outputs, derived
from lit_tf.sections import (
    copying,
    functional,
    inspection,
    sectioned_model,
    shrink,
    softmax,
    structure,
)
from lit_tf.training import begun_run, run_folder
from lit_tf.training.own_training import OwnTraining

_HALVES = {"float16", "bfloat16"}
_NO_FOLDER = config.Session(log_steps=0)


def compress(
    model: keras.Model,
    train: Any,
    validation_data: Any = None,
    *,
    compression: float = 0.0,
    keep: int | Sequence[int] = (),
    sections: int | None = None,
    cuts: Sequence[str] = (),
    method: str = "lit",
    init: str = own_model.INIT,
    epochs: int | None = None,
    budget: str = "",
    batch_size: int = own_model.LIT.batch_size,
    microbatches: int = 1,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_split: float = 0.1,
    class_weight: Mapping[int, float] | None = None,
    optimizer: str | keras.optimizers.Optimizer = own_model.LIT.optimizer,
    learning_rate: float = own_model.LIT.learning_rate,
    clip_norm: float = 0.0,
    ema: float = 0.0,
    label_smoothing: float = 0.0,
    augmentation: config.Augmentation = config.Data.augmentation,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    outputs: Outputs | None = None,
    alpha: float = own_model.ALPHA,
    temperature: float = own_model.TEMPERATURE,
    beta: float = own_model.BETA,
    penalty: str = own_model.PENALTY,
    dtype: str = "auto",
    strategy: str = "default",
    fast_layers: bool = True,
    recompute: bool = False,
    seed: int = 0,
    min_teacher_accuracy: float = -1.0,
    workdir: str = "",
    overwrite: bool = False,
) -> CompressionResult:
    """Trains a shallower student of a model, and compares both.

    The student keeps some blocks of the model, evenly spaced, and starts with
    their weights. Phase `lit` trains its sections on the model's
    representations; phase `fine_tune` trains the whole student on labels and on
    the model's outputs. The best epoch on validation is returned.

    Example:
    ```python
    import keras
    import numpy as np

    import lit_tf

    x = inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    for _ in range(4):
        y = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
        x = keras.layers.Add()([x, y])
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    images = np.random.uniform(size=(64, 8, 8, 3))
    labels = np.arange(64) % 3
    result = lit_tf.compress(
        model, (images, labels), keep=2, epochs=2, min_teacher_accuracy=0
    )
    print(result)
    result.student.save("student.keras")
    ```

    Args:
        model: a trained model, functional or sequential, that `plan` can cut.
            Loss, metrics and the kind of output follow from how it was
            compiled, or else from its last activation and the labels.
        train: what `keras.Model.fit` takes: a batched `tf.data.Dataset`, a
            `PyDataset`, a generator of batches, or a tuple of arrays
            `(inputs, labels)` or `(inputs, labels, weights)`; inputs alone for
            a model whose outputs have no labels. Texts are preprocessed by the
            model's own preprocessor, if it is a task of KerasHub.
        validation_data: likewise. Without it, `validation_split` of the
            examples in arrays are set apart; from other data none.
        compression: cost of the model divided by the highest allowed cost of
            the student, in FLOPs; 2 if neither this nor `keep` is passed.
        keep: number of blocks that each section keeps, instead.
        sections: number of sections, by default one for each row of blocks of
            one shape.
        cuts: names of the layers after which to cut, instead.
        method: "lit", or a baseline such as "kd" (`lit-compress --help`).
        init: "teacher_blocks", or "fresh" for random weights of the blocks.
        epochs: number of epochs of both phases together; 10 if there is no
            `budget`.
        budget: time of training, such as "30min" or "2h", instead of `epochs`.
            A few steps are timed; the epochs that fit are printed and kept to.
        batch_size: number of examples of a batch of arrays.
        microbatches: number of parts into which each batch is divided, to need
            less memory; their gradients are added.
        steps_per_epoch: number of batches of an epoch; required for data
            without an end.
        validation_steps: number of validation batches, likewise.
        validation_split: fraction of the examples in arrays that validates.
        class_weight: weight of the examples of each class number.
        optimizer: "adamw" (default), "adam" or "sgd" with warm-up and cosine
            decay; or an optimizer of Keras, of which each phase trains with a
            copy, at its own learning rate.
        learning_rate: initial learning rate of phase `lit`; half of it is that
            of phase `fine_tune`. Not read with an optimizer of Keras.
        clip_norm: largest norm of the gradient of all variables; 0 for any.
        ema: decay per step of an average of the trained weights, which is
            validated, chosen and returned in their place, such as 0.999; 0 for
            none.
        label_smoothing: share of each label that the hard loss spreads evenly
            over all classes.
        augmentation: how training images in arrays are augmented, such as
            `lit_tf.config.Augmentation(mixup=0.2)`; by default they are not.
        callbacks: callbacks of Keras, called in each phase.
        outputs: the kind of output (`lit_tf.outputs`), by default as derived.
        alpha: weight of the labels within L_KD; 1 − alpha that of the model's
            outputs.
        temperature: τ of the soft loss.
        beta: weight of L_KD in phase `lit`.
        penalty: distance of two representations (see `LIT`).
        dtype: dtype policy of the computation, such as "mixed_bfloat16"; "auto"
            is a mixed one on a GPU that is fast in it, else float32.
        strategy: "default", one device or the strategy of the present scope;
            or "mirrored" for all visible GPUs.
        fast_layers: whether Keras's BatchNormalization, GELU and Dropout are
            computed faster in training steps (see `--fast_layers`).
        recompute: whether the student's activations are computed a second time
            for the gradient, which saves memory in sections of many blocks.
        seed: seed of new weights and of the order of arrays.
        min_teacher_accuracy: least accuracy of the model on validation; 0 to
            accept any. By default it must be better than chance.
        workdir: run folder for checkpoints, logs, models and the report, from
            which the same call resumes. By default nothing is written.
        overwrite: whether to delete an earlier run in `workdir`.

    Returns:
        A `CompressionResult`: `student`, `history`, `table`.

    Raises:
        SettingsError: if model, data and settings do not fit each other.
        DataError: if data are empty or end early, or `workdir` is damaged.
    """
    functional.require_functional(model)
    cuts = getattr(cuts, "cuts", cuts)  # Those of a plan.
    callbacks = [] if callbacks is None else keras.tree.flatten(callbacks)
    argument_checks.check_types(
        compression=compression,
        sections=sections,
        epochs=epochs,
        budget=budget,
        batch_size=batch_size,
        microbatches=microbatches,
        steps_per_epoch=steps_per_epoch,
        validation_steps=validation_steps,
        validation_split=validation_split,
        learning_rate=learning_rate,
        clip_norm=clip_norm,
        ema=ema,
        label_smoothing=label_smoothing,
        class_weight=class_weight,
        augmentation=augmentation,
        optimizer=optimizer,
    )
    # NumPy's integers are whole numbers, too.
    batch_size = own_model.LIT.batch_size if batch_size is None else batch_size
    batch_size, microbatches = int(batch_size), int(microbatches)
    epochs, steps_per_epoch, validation_steps = (
        None if number is None else int(number)
        for number in (epochs, steps_per_epoch, validation_steps)
    )
    argument_checks.check_callbacks(callbacks, optimizer, ema)
    errors.require(
        outputs is None or hasattr(outputs, "terms"),
        "`outputs` must be a kind of output, such as lit_tf.outputs.Values().",
        outputs=outputs,
    )
    settings = arguments.make(
        model,
        compression=compression or 0.0,
        keep=shrink.block_counts(keep),
        sections=int(sections or 0),
        cuts=tuple(cuts),
        method=method,
        init=init,
        epochs=epochs,
        budget=budget,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=learning_rate,
        phase={
            "clip_norm": clip_norm,
            "ema": ema,
            "label_smoothing": label_smoothing,
            "microbatches": microbatches,
        },
        loss=config.Loss(
            alpha=alpha, temperature=temperature, beta=beta, penalty=penalty
        ),
        data=config.Data(augmentation=augmentation),
        compute=config.Compute(
            seed=seed,
            dtype=arguments.policy(dtype),
            strategy=strategy,
            fast_layers=fast_layers,
            recompute=recompute,
        ),
        session=dataclasses.replace(
            _NO_FOLDER, workdir=str(workdir), overwrite=overwrite
        ),
        min_teacher_accuracy=min_teacher_accuracy,
    )
    teacher = shrink.with_sections(softmax.logits(model), cuts, sections)
    if inspection.computes_in(teacher) & _HALVES:
        teacher = copying.copy_model(teacher, policy="float32")
    preprocessor = getattr(model, "preprocessor", None)
    dataset = own_data.read(
        own_data.preprocessed(train, preprocessor),
        own_data.preprocessed(validation_data, preprocessor),
        rank=structure.input_rank(model),
        batch_size=batch_size,
        steps=steps_per_epoch,
        validation_steps=validation_steps,
        validation_split=validation_split,
        class_weight=class_weight,
    )
    argument_checks.check_microbatches(microbatches, batch_size, dataset)
    argument_checks.check_inputs(model, dataset, validation_data)
    kind = outputs or derived.derive(
        model,
        own_data.first_labels(dataset.train),
        getattr(model, "loss", None) if model.compiled else None,
        getattr(model, "loss_weights", None) if model.compiled else None,
        alpha=alpha,
        temperature=temperature,
    )
    argument_checks.check_labels(dataset, kind)
    argument_checks.check_class_weight(class_weight, kind, teacher)
    dataset = arguments.augmented(dataset, augmentation, kind, model)
    own = OwnTraining(
        optimizer=None if isinstance(optimizer, str) else optimizer,
        callbacks=tuple(callbacks),
    )
    settings = planned_epochs.with_own_epochs(begun_run.as_begun(settings))
    with _folder(settings) as folder:
        if folder:
            folder.pin(
                teacher=sectioned_model.fingerprint(teacher),
                data=own_data.fingerprint(dataset),
                class_weight=str(sorted((class_weight or {}).items())),
                optimizer=own.description,
            )
            if folder.finished:
                return run_files.read(folder, model, dataset)
        run = Call(
            model=model,
            teacher=teacher,
            dataset=dataset,
            outputs=kind,
            settings=settings,
            own=own,
            folder=folder,
        )
        return run.compress()


@contextlib.contextmanager
def _folder(settings) -> Iterator[run_folder.RunFolder | None]:
    """Opens the run folder of the settings; None without one."""
    if not settings.session.workdir:
        yield None
        return
    with run_folder.opened(settings, command="lit_tf.compress") as folder:
        yield folder
