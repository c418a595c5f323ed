"""`keras.distillation` on a pair of ours: what `LIT` is timed against."""

import keras

from lit_tf import config, sectioned


def distiller(
    teacher: sectioned.SectionedModel,
    student: sectioned.SectionedModel,
    method: config.Method,
) -> keras.Model:
    """Returns a `Distiller` that is asked for what LIT asks for.

    One feature loss a section, on the student's own stream, the cross-entropy
    with the labels and τ² times the KL divergence of the softened answers, all
    weighed as in L. Stem and head train too; neither it nor its losses can do
    otherwise.

    Args:
        teacher: K sections; no longer trainable afterwards.
        student: K sections.
        method: α, β, τ; the penalty is l2.
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
        method.temperature, keras.losses.KLDivergence()
    )
    labels = method.beta * method.alpha
    soft, penalty = method.beta * (1 - method.alpha), 1 - method.beta
    return keras.distillation.Distiller(
        _reachable(teacher, names),
        _reachable(student, names),
        [*features, answers],
        [weight / (1 - labels) for weight in (*[penalty] * len(names), soft)],
        student_loss_weight=labels,
    )


def _reachable(model, names):
    # It looks among the outermost layers only, and would take the output that a
    # nested model has by itself: what is to be found needs a layer to bear it.
    x = model.stem(model.input)
    for name, section in zip(names, model.sections, strict=True):
        x = keras.layers.Identity(name=name)(section(x))
    return keras.Model(model.input, model.head(x), name=model.name)
