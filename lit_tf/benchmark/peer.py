"""`keras.distillation` on a pair of models, to compare the time of a step."""

from typing import Any

import keras

from lit_tf import config, layers
from lit_tf.outputs import Classes, Labels, Outputs, Values
from lit_tf.sections import context, copying, sectioned_model
from lit_tf.sections.sectioned_model import SectionedModel


def distiller(
    teacher: SectionedModel,
    student: SectionedModel,
    loss: config.Loss,
    *,
    stock: bool,
    classes: bool = True,
) -> keras.Model:
    """Returns a `Distiller` with the loss terms of LIT.

    It has one feature loss for each section, computed on the student's own
    representations; the cross-entropy with the labels; and τ² times the KL
    divergence of the softened logits. The weights are those of the loss L
    (paper, section 3). A `Distiller` always trains stem and head too.

    Args:
        teacher: a model of K sections; it is made untrainable.
        student: a model of K sections.
        loss: α, β and τ. The penalty is always l2.
        stock: whether BatchNorm is Keras's layer, as without lit_tf, or
            lit_tf's, which is faster. Keras's own layers stay.
        classes: whether the models return logits of classes. The distance of
            other outputs is the mean squared error.
    """
    names = [f"representation_{k}" for k in range(1, len(student.sections) + 1)]
    features = [
        keras.distillation.FeatureDistillation(
            "mse", teacher_layer_name=name, student_layer_name=name
        )
        for name in names
    ]
    # The default, the KL divergence by name, would be computed of raw logits.
    logits = keras.distillation.LogitsDistillation(
        loss.temperature, keras.losses.KLDivergence()
    )
    if not classes:
        logits = keras.distillation.FeatureDistillation("mse")
    labels = loss.beta * loss.alpha
    soft, penalty = loss.beta * (1 - loss.alpha), 1 - loss.beta
    return keras.distillation.Distiller(
        _reachable(teacher, names, stock),
        _reachable(student, names, stock),
        [*features, logits],
        [weight / (1 - labels) for weight in (*[penalty] * len(names), soft)],
        student_loss_weight=labels,
    )


def loss_of(outputs: Outputs) -> keras.losses.Loss | None:
    """Returns Keras's loss of the labels of a kind of output.

    Args:
        outputs: the kind; None is returned for several outputs.
    """
    return {
        Classes: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        Labels: keras.losses.BinaryCrossentropy(from_logits=True),
        Values: keras.losses.MeanSquaredError(),
    }.get(type(outputs))


def _reachable(model, names, stock):
    # `FeatureDistillation` looks up names of the outermost layers only, and
    # would take the output of a nested model outside of this graph. So each
    # representation gets an Identity layer with its name.
    parts = sectioned_model.parts_of(model)
    if stock:
        parts = [_stock(part) for part in parts]
    # Representation 0, after the stem, is not compared.
    identities = [keras.layers.Identity(name=name) for name in names]
    passed = iter([lambda x: x, *identities])
    *_, outputs = context.join(
        parts, model.reads, model.input, passed=lambda x: next(passed)(x)
    )
    return keras.Model(model.input, outputs, name=model.name)


def _stock(part):
    """Returns a copy of a model with Keras's own BatchNorm layers."""

    def replace(layer, config: dict[str, Any]):
        if type(layer) is not layers.BatchNormalization:
            return None
        return keras.layers.BatchNormalization.from_config(config)

    twin = copying.copy_model(part, replace=replace)
    copying.copy_state(part, twin)
    return twin
