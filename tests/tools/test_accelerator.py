"""The order and the programs of training on an accelerator."""

import dataclasses
import json
import lzma
import pathlib
import sys

import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

import lit_tf
from lit_tf.data import keyed_random

TOOLS = pathlib.Path(__file__).parents[2] / "tools/accelerator"


@pytest.fixture
def tools(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    yield
    for name in ("orders", "programs"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    "examples", slow.all_but([300, 65_537], [2, 300, 45_000, 65_537, 70_000])
)
@pytest.mark.parametrize("seed, epoch", ((0, 0), (2**31 - 5, 3)))
def test_orders_are_those_of_the_pipeline(tools, examples, seed, epoch):
    import orders

    ours = orders.order(examples, seed, epoch)
    places = tf.range(examples)
    theirs = keyed_random.order(places, seed, epoch, examples)
    np.testing.assert_array_equal(ours, theirs)
    drawn = orders.draws(ours, seed, epoch, 3)
    draw = keyed_random.draws(theirs, seed, epoch)
    for number in range(3):
        np.testing.assert_array_equal(drawn[number], draw(number))


def _trainer(digits):
    form = digits.form
    seeds.set_all(0)
    trainer = lit_tf.LIT(
        lit_tf.models.get("resnet8")(**form),
        lit_tf.models.get("resnet8")(**form),
    )
    trainer.compile(lit_tf.SGD(0.01, momentum=0.9, weight_decay=1e-4))
    return trainer


@pytest.mark.slow
def test_an_epoch_is_that_of_fit(tools, tmp_path):
    import orders
    import programs

    digits = lit_tf.data.load(lit_tf.config.Data(dataset="digits"))
    few = dataclasses.replace(
        digits.train,
        inputs=digits.train.inputs[:40],
        labels=digits.train.labels[:40],
    )
    dataset = dataclasses.replace(digits, train=few, validation=None)
    fitted, exported = _trainer(digits), _trainer(digits)
    batches = lit_tf.data.batches.training(
        few, batch_size=16, epochs=1, seed=5, crop=dataset.crop
    )
    fitted.fit(batches, verbose=0, shuffle=False)

    order = orders.order(40, 5, 0)
    arguments = {
        "inputs": few.inputs,
        "labels": few.labels,
        "order": order,
        "draws": orders.draws(order, 5, 0, 3),
        "rates": np.full(3, 0.01, np.float32),
    }
    programs.write_epoch(
        tmp_path / "epoch",
        exported,
        inputs=few.inputs,
        labels=few.labels,
        batch_size=16,
        crop=dataset.crop,
    )
    run = tf.function(programs.epoch(exported, 40, 16, dataset.crop))
    results = run(**{n: tf.constant(a) for n, a in arguments.items()})
    for number, variable in enumerate(fitted.student.variables):
        np.testing.assert_allclose(
            results[f"student/{number}"], variable, rtol=1e-5, atol=1e-6
        )

    facts = json.loads((tmp_path / "epoch.json").read_text())
    assert facts["parameters"][:5] == [["argument", n] for n in arguments]
    assert facts["results"] == sorted(results)
    assert lzma.decompress((tmp_path / "epoch.hlo.xz").read_bytes())
    with np.load(tmp_path / "epoch.npz") as kept:
        named = {name for _, name in facts["parameters"]}
        students = {name for name in named if name.startswith("student/")}
        assert named - students - set(arguments) == set(kept)
