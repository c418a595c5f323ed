"""`keras.distillation` on a pair: what `LIT` is timed against."""

import keras

from lit_tf import config, layers
from lit_tf.sections.sectioned_model import SectionedModel


def distiller(
    teacher: SectionedModel,
    student: SectionedModel,
    loss: config.Loss,
    *,
    stock: bool,
) -> keras.Model:
    """Returns a `Distiller` that is asked for what LIT asks for.

    One feature loss a section, on the student's own stream, the cross-entropy
    with the labels and τ² times the KL divergence of the softened answers, all
    weighed as in L. Stem and head train too; neither it nor its losses can do
    otherwise.

    Args:
        teacher: K sections; no longer trainable afterwards.
        student: K sections.
        loss: α, β, τ; the penalty is l2.
        stock: whether BatchNorm is Keras's own layer, as it is for those who
            have Keras alone, or ours, which is faster.
    """
    names = [f"representation_{k}" for k in range(1, len(student.sections) + 1)]
    features = [
        keras.distillation.FeatureDistillation(
            "mse", teacher_layer_name=name, student_layer_name=name
        )
        for name in names
    ]
    # Its default, the KL divergence by name, would be taken of raw logits.
    answers = keras.distillation.LogitsDistillation(
        loss.temperature, keras.losses.KLDivergence()
    )
    labels = loss.beta * loss.alpha
    soft, penalty = loss.beta * (1 - loss.alpha), 1 - loss.beta
    return keras.distillation.Distiller(
        _reachable(teacher, names, stock),
        _reachable(student, names, stock),
        [*features, answers],
        [weight / (1 - labels) for weight in (*[penalty] * len(names), soft)],
        student_loss_weight=labels,
    )


def _reachable(model, names, stock):
    # It looks among the outermost layers only, and would take the output that a
    # nested model has by itself: what is to be found needs a layer to bear it.
    part = _stock if stock else lambda part: part
    x = part(model.stem)(model.input)
    for name, section in zip(names, model.sections, strict=True):
        x = keras.layers.Identity(name=name)(part(section)(x))
    return keras.Model(model.input, part(model.head)(x), name=model.name)


def _stock(part):
    """Returns a copy of a model whose BatchNorms are Keras's own."""

    def copy(layer):
        kind = type(layer)
        if kind is layers.BatchNormalization:
            kind = keras.layers.BatchNormalization
        return kind.from_config(layer.get_config())

    twin = keras.models.clone_model(part, clone_function=copy, recursive=True)
    twin.set_weights(part.get_weights())
    return twin
