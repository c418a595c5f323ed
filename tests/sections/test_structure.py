"""Models with a dictionary of inputs, in any order of their keys."""

import keras
import numpy as np
import pytest
import seeds
import slow

import lit_tf
from lit_tf.sections import block_costs, cost

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 32)
ORDERS = {"first": ("a", "z"), "last": ("z", "a")}


def network(seed, names, blocks=2):
    """Returns a model of two inputs, 4 numbers and 2 numbers."""
    seeds.set_all(seed)
    wide, narrow = (
        keras.Input((size,), name=name)
        for size, name in zip((4, 2), names, strict=True)
    )
    x = keras.layers.Concatenate(name="joined")([wide, narrow])
    x = keras.layers.Dense(6, activation="tanh", name="stem")(x)
    for k in range(blocks):
        y = keras.layers.Dense(6, activation="tanh", name=f"dense_{k}")(x)
        x = keras.layers.Add(name=f"block_{k}")([x, y])
    x = keras.layers.Dense(3, name="answer")(x)
    inputs = dict(zip(names, (wide, narrow), strict=True))
    model = keras.Model(inputs, x, name="two")
    return lit_tf.split(model, ["stem", f"block_{blocks - 1}"])


def inputs(names):
    return dict(zip(names, (X, X[:, :2]), strict=True))


def test_unknown_and_missing_keys_of_a_dictionary_are_named():
    trainer = lit_tf.Teach(network(1, ("a", "z")))
    trainer.compile("sgd")
    message = "two takes inputs 'a', 'z'. .* without 'z' and with 'y'"
    with pytest.raises(lit_tf.errors.SettingsError, match=message):
        trainer.fit({"a": X, "y": X}, Y)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "method", slow.all_but([lit_tf.LIT], [lit_tf.LIT, lit_tf.Distill])
)
def test_teacher_and_student_read_the_right_inputs(method, order):
    names = ORDERS[order]
    teacher, student = network(1, names), network(2, names)
    trainer = method(teacher, student)
    trainer.compile("sgd")
    x = inputs(names)
    report = trainer.evaluate(x, Y, verbose=0, return_dict=True)
    kind = lit_tf.outputs.Classes()
    expected = kind.terms(Y, teacher(x), student(x))
    for name in ("hard", "soft"):
        mean = float(keras.ops.mean(expected[name]))
        assert report[name] == pytest.approx(mean, rel=1e-4)
    trainer.fit(x, Y, verbose=0)


@pytest.mark.parametrize("of", ["flops", "latency"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_student_is_shrunk_by_a_cost(order, of, monkeypatch):
    monkeypatch.setattr(block_costs, "_RUNS", 1)
    teacher = network(1, ORDERS[order], blocks=4)
    assert cost.flops(teacher) == 2 * (6 * 6 + 4 * 36 + 18)
    calls = []

    def medians_ms(functions, batch, *, runs):
        before = len(calls)
        calls.extend(call(*batch).shape for call in functions.values())
        # All blocks take as long as the teacher, fewer take half.
        return {"teacher": 2.0, "student": 1.0 if before else 2.0}

    monkeypatch.setattr(cost, "medians_ms", medians_ms)
    student = lit_tf.shrink(teacher, compression=1.2, of=of)
    assert student.input.keys() == teacher.input.keys()
    assert set(calls) <= {(1, 3)}
    assert bool(calls) == (of == "latency")
