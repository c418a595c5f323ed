"""Half precision: finite penalties and a loss scale that recovers.

Float16 convolutions are slow on a CPU, so most models here are dense.
"""

import keras
import numpy as np
import pytest
import slow

import lit_tf
from lit_tf.losses import penalties
from lit_tf.methods import lit
from lit_tf.sections import copying

EVERY = pytest.mark.parametrize(
    "penalty",
    slow.all_but(["l2_normalized"], sorted(penalties.PENALTIES)),
)


def half(model):
    return copying.copy_model(model, policy="mixed_float16")


def compiled(teacher, student, optimizer=None, **settings):
    trainer = lit.LIT(teacher, student, **settings)
    trainer.compile(optimizer or keras.optimizers.SGD(0.1))
    return trainer


def scaling(rate, **settings):
    return keras.optimizers.LossScaleOptimizer(lit_tf.SGD(rate), **settings)


def step(trainer, *data):
    """Takes a step; returns how far it moved the sections."""
    before = [section.get_weights() for section in trainer.student.sections]
    trainer.train_on_batch(*data)
    return [
        new - old
        for section, values in zip(
            trainer.student.sections, before, strict=True
        )
        for new, old in zip(section.get_weights(), values, strict=True)
    ]


@EVERY
def test_representations_of_a_thousand_have_finite_penalties(
    dense, vectors, close, penalty
):
    # In float16 the square of their distance, 4e6, would be infinite.
    pair = [dense(1, activation=None), dense(2, activation=None)]
    for model, bias in zip(pair, (1e3, -1e3), strict=True):
        for section in model.sections:
            kernel, _ = section.get_weights()
            section.set_weights([0 * kernel, np.full(6, bias)])
    settings = {"penalty": penalty, "beta": 0.0}
    trainer = compiled(*map(half, pair), scaling(1e-8), **settings)
    sections = trainer.student.sections
    start = [section.get_weights()[0] for section in sections]
    x, y = vectors()
    report = trainer.evaluate(x, y, verbose=0, return_dict=True)
    values = {"l1": 2000.0, "l2": 4e6, "l2_normalized": 4.0}
    value = (values | {"smooth_l1": 1999.5})[penalty]
    close([report["ir"]], [2 * value], 1e-6, relative=True)
    for _ in range(30):  # The first steps only lower the loss scale.
        report = trainer.train_on_batch(x, y, return_dict=True)
        assert np.isfinite(list(report.values())).all()
    for section, old in zip(sections, start, strict=True):
        kernel = section.get_weights()[0]
        assert np.isfinite(kernel).all() and np.any(kernel != old)


def test_a_gradient_too_small_for_float16_arrives(dense, vectors, close):
    # With a weight of 1e-8 all gradients are below float16's smallest number,
    # 6e-8. The learning rate compensates for the weight.
    x, y = vectors()
    weight, rate = np.full(len(x), 1e-8, "float32"), 1e7
    data, moved = (x, y, weight), {}
    for name, student, optimizer in (
        ("float32", dense(2), lit_tf.SGD(rate)),
        ("float16", half(dense(2)), scaling(rate)),
        ("unscaled", half(dense(2)), scaling(rate, initial_scale=1.0)),
    ):
        moved[name] = step(compiled(dense(1), student, optimizer), *data)
    for lost, exact in zip(moved["unscaled"], moved["float32"], strict=True):
        assert np.abs(exact).max() > 1e-3
        assert not np.any(lost)
    close(moved["float16"], moved["float32"], 0.02, relative=True)


def test_an_overflow_costs_a_step_and_half_the_scale(dense, vectors):
    optimizer = scaling(0.01, initial_scale=2.0**30, dynamic_growth_steps=3)
    trainer, (x, y) = compiled(dense(1), half(dense(2)), optimizer), vectors()
    growths, overflows = [], []
    for _ in range(40):
        scale = float(optimizer.dynamic_scale)
        slots = [
            v.numpy()
            for v in optimizer.inner_optimizer.slot_variables["velocity"]
        ]
        moved = any(np.any(by) for by in step(trainer, x, y))
        grown = float(optimizer.dynamic_scale) / scale
        if moved:
            growths.append(grown)
        else:
            overflows.append(grown)
            for old, new in zip(
                slots,
                optimizer.inner_optimizer.slot_variables["velocity"],
                strict=True,
            ):
                np.testing.assert_array_equal(old, new)
    # The scale is halved until it fits; then every third step doubles it.
    assert len(overflows) >= 5 and set(overflows) == {0.5}
    assert growths[:6] == [1.0, 1.0, 2.0] * 2


@pytest.mark.parametrize(
    "dtype", slow.all_but(["float16"], ["float32", "float16", "bfloat16"])
)
def test_a_float16_student_takes_the_step_of_a_float32_one(
    dense, vectors, close, dtype
):
    exact = step(compiled(dense(1), dense(2)), *vectors())
    trainer = compiled(dense(1), half(dense(2)), teacher_dtype=dtype)
    assert isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
    close(step(trainer, *vectors()), exact, 0.02, relative=True)


def test_a_float16_teacher_teaches_a_float32_student(dense, vectors, close):
    exact = step(compiled(dense(1), dense(2)), *vectors())
    trainer = compiled(dense(1), dense(2), teacher_dtype="float16")
    assert trainer.frozen.outputs[1].dtype == "float16"
    assert not isinstance(
        trainer.optimizer, keras.optimizers.LossScaleOptimizer
    )
    close(step(trainer, *vectors()), exact, 0.02, relative=True)


@pytest.mark.parametrize(
    "policy", slow.all_but(["mixed_float16"], ["float32", "mixed_float16"])
)
def test_a_teachers_own_policy_does_not_matter(dense, vectors, close, policy):
    exact = step(compiled(dense(1), dense(2)), *vectors())
    teacher = copying.copy_model(dense(1), policy=policy)
    close(step(compiled(teacher, dense(2)), *vectors()), exact, 0)


@pytest.mark.slow
def test_a_float16_resnet_has_finite_terms_and_variables(build, batch):
    trainer = compiled(build(seed=1), half(build(seed=2)))
    reported = trainer.train_on_batch(*batch(2), return_dict=True)
    assert np.isfinite(list(reported.values())).all()
    for variable in trainer.student.variables:
        assert np.isfinite(variable).all()


def test_an_optimizer_that_scales_already_is_not_wrapped_again(dense):
    own = scaling(0.1)
    assert compiled(dense(1), half(dense(2)), own).optimizer is own


def test_a_float32_student_needs_no_loss_scaling(dense):
    own = lit_tf.SGD(0.1)
    assert compiled(dense(1), dense(2), own).optimizer is own
