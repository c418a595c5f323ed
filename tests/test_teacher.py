"""The frozen teacher: all answers at once, and the model's own."""

import warnings

import numpy as np

from lit_tf import teacher


def test_it_returns_every_representation_and_the_output(build, batch):
    model, (images, _) = build("resnet14"), batch(3)
    model(images, training=True)  # Moves the moving statistics.
    answers = teacher.freeze(model)(images, training=False)
    expected = [model.stem(images, training=False)]
    for section in model.sections:
        expected.append(section(expected[-1], training=False))
    expected.append(model(images, training=False))
    assert len(answers) == len(model.sections) + 2
    for answer, own in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer, own, rtol=1e-4, atol=1e-5)


def test_asking_it_changes_nothing(build, batch):
    model = build()
    before = model.get_weights()
    teacher.freeze(model)(batch(3)[0], training=False)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_it_is_asked_without_a_warning(build, batch):
    frozen = teacher.freeze(build())
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The structure of `inputs`")
        frozen(batch(2)[0], training=False)
