"""Connectors: training a student that has fewer channels than its teacher."""

import dataclasses
import re

import keras
import keras_alone
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

from lit_tf import config, data, errors, models
from lit_tf.experiment import run
from lit_tf.losses import penalties
from lit_tf.methods import connectors, lit
from lit_tf.sections import copying, model_files
from lit_tf.sections.sectioned_model import SectionedModel

pytestmark = pytest.mark.usefixtures("small_family")


def connected(teacher, student, **settings):
    settings = {"copy_ends": False, "connector": "conv1x1"} | settings
    return lit.LIT(teacher, student, **settings)


@pytest.fixture
def narrow():
    """A function: seed → a narrow model like `dense`'s, 4 → 5 → 3 → 6 → 3."""

    def part(name, inputs, outputs):
        x = keras.Input((inputs,))
        y = keras.layers.Dense(outputs, activation="tanh")(x)
        return keras.Model(x, y, name=name)

    def make(seed=2):
        seeds.set_all(seed)
        return SectionedModel(
            part("stem", 4, 5),
            [part("section_1", 5, 3), part("section_2", 3, 6)],
            part("head", 6, 3),
        )

    return make


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 3, 5)])
def test_down_is_the_left_inverse_of_up(shape, close):
    random = np.random.default_rng(0)
    connector = connectors.Connector(9, 5)
    for variable in connector.variables:
        variable.assign(random.normal(size=variable.shape))
    representation = random.normal(size=shape).astype("float32")
    mapped = connector.up(tf.constant(representation))
    assert mapped.shape == (*shape[:-1], 9)
    close(connector.down(mapped), representation, 1e-5)
    kernel, bias = connector.get_weights()
    close(mapped, representation @ kernel.T + bias, 1e-5)


def test_inputs_and_penalties_of_sections_pass_through_connectors(
    dense, narrow, vectors, close
):
    teacher, student = dense(1), narrow()
    trainer = connected(teacher, student)
    x, y = vectors()
    terms, z = trainer.terms(x, y, training=True)
    T = [teacher.stem(x)]
    for section in teacher.sections:
        T.append(section(T[-1]))
    # Section 2 has the teacher's six channels.
    c = trainer.connectors
    assert isinstance(c[2], connectors.Identity)
    fed = [c[0].down(T[0]), c[1].down(T[1])]
    one, two = student.sections
    expected = {
        "stem/penalty_teacher_fed": (T[0], c[0].up(student.stem(x))),
        "section_1/penalty_teacher_fed": (T[1], c[1].up(one(fed[0]))),
        "section_2/penalty_teacher_fed": (T[2], two(fed[1])),
        "section_2/penalty_student_fed": (T[2], two(one(student.stem(x)))),
    }
    for name, both in expected.items():
        close(terms[name], penalties.l2(*both), 1e-6)
    names = [name for name in expected if name.endswith("teacher_fed")]
    close(terms["ir"], sum(terms[name] for name in names), 1e-6)
    close(z, student(x), 1e-6)


@pytest.mark.parametrize(
    "section_input", slow.all_but(["student"], config.SECTION_INPUTS)
)
def test_the_saved_student_has_no_connectors(
    section_input, dense, narrow, vectors, tmp_path
):
    teacher, student = dense(1), narrow()
    trainer = connected(teacher, student, beta=0.0, section_input=section_input)
    trainer.compile(
        keras.optimizers.Adam(0.01), jit_compile=section_input == "teacher"
    )
    x, y = vectors(64)
    before = trainer.evaluate(x, y, verbose=0, return_dict=True)
    kernel = trainer.connectors[1].kernel.numpy()
    trainer.fit(np.tile(x, (40, 1)), np.tile(y, 40), verbose=0)
    after = trainer.evaluate(x, y, verbose=0, return_dict=True)
    assert after["ir"] < 0.8 * before["ir"]
    assert np.any(trainer.connectors[1].kernel.numpy() != kernel)
    trainer.save(tmp_path / "student.keras")
    assert keras_alone.is_enough_for(tmp_path / "student.keras")
    saved = model_files.load(tmp_path / "student.keras")
    shapes = [v.shape for v in saved.variables]
    assert shapes == [v.shape for v in narrow().variables]
    np.testing.assert_array_equal(saved(x), student(x))


def test_a_checkpoint_contains_the_connectors(dense, narrow):
    trainer = connected(dense(1), narrow())
    trainer.compile("sgd")
    variables = [v for c in trainer.connectors[:2] for v in c.variables]
    assert trainer.state["connectors"] == variables
    equal = connected(dense(1), dense(2))
    assert {type(one) for one in equal.connectors} == {connectors.Identity}
    equal.compile("sgd")
    assert "connectors" not in equal.state


def test_with_equal_channels_connectors_change_nothing(dense, vectors):
    x, y = vectors()
    plain, other = (
        trainer.terms(x, y, training=True)[0]
        for trainer in (
            lit.LIT(dense(1), dense(2), connector=kind)
            for kind in config.CONNECTORS
        )
    )
    assert plain.keys() == other.keys()
    for name, value in plain.items():
        np.testing.assert_array_equal(value, other[name])


@pytest.mark.parametrize(
    "policy",
    slow.all_but(["mixed_float16"], ["mixed_float16", "mixed_bfloat16"]),
)
def test_under_a_mixed_policy_a_step_moves_every_connector(policy, batch):
    teacher, student = (
        models.get(name, width=width)(**data.source("digits").form())
        for name, width in (("small10", 8), ("small6", 4))
    )
    trainer = connected(teacher, copying.copy_model(student, policy=policy))
    optimizer = keras.optimizers.SGD(0.1)
    if policy == "mixed_float16":  # The default scale would overflow first.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 1.0)
    trainer.compile(optimizer, jit_compile=False)
    assert {type(c) for c in trainer.connectors} == {connectors.Connector}
    before = [c.get_weights() for c in trainer.connectors]
    images, labels = batch()
    logs = trainer.train_on_batch(images[..., :1], labels, return_dict=True)
    assert np.isfinite(logs["total"])
    for old, connector in zip(before, trainer.connectors, strict=True):
        for value, now in zip(old, connector.get_weights(), strict=True):
            assert np.any(value != now) and np.all(np.isfinite(now))


def test_representations_that_connectors_cannot_join_are_refused(dense, narrow):
    with pytest.raises(errors.SettingsError, match="may have fewer channels"):
        connected(narrow(), dense(1))
    with pytest.raises(errors.SettingsError, match="conv1x1 puts a trained"):
        lit.LIT(dense(1), narrow(), copy_ends=False)
    with pytest.raises(
        errors.SettingsError, match="stem is.*Without `copy_ends`"
    ):
        connected(dense(1), narrow(), copy_ends=True)
    with pytest.raises(ValueError, match="`connector` must be one of"):
        connected(dense(1), narrow(), connector="conv3x3")


@pytest.fixture(scope="module")
def teacher_file(small_family, tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "teacher.keras"
    seeds.set_all(0)
    model = models.get("small10")(**data.source("digits").form())
    model_files.save(model, path)
    return path


def compress(teacher_file, folder, *, connector="none", **changed):
    short = config.Phase(
        epochs=1, batch_size=64, learning_rate=0.01, weight_decay=0.0
    )
    return run.compress(
        config.Compress(
            teacher_weights=str(teacher_file),
            min_teacher_accuracy=0.0,  # It is not trained.
            student="small6",
            architecture=config.Architecture(width=4),
            loss=config.Loss(connector=connector),
            lit=short,
            # Phase fine_tune trains as `kd` does in phase lit.
            fine_tune=dataclasses.replace(short, epochs=0),
            session=config.Session(workdir=str(folder)),
            **changed,
        )
    )


@pytest.mark.slow
@pytest.mark.usefixtures("without_costs")
@pytest.mark.parametrize(
    ("method", "connector"), [("lit", "conv1x1"), ("kd", "none")]
)
def test_a_narrower_student_is_trained(
    method, connector, teacher_file, tmp_path, capsys
):
    results = compress(
        teacher_file,
        tmp_path,
        method=method,
        connector=connector,
        copy_ends=False,
    )
    assert (
        results["student"]["parameters"] * 3 < results["teacher"]["parameters"]
    )
    printed = capsys.readouterr().out
    assert re.search(r"section 1 +\| 4×4×8 → 4×4×4 .*trained", printed)
    saved = model_files.load(tmp_path / "student.keras")
    fresh = models.get("small6", width=4)(**data.source("digits").form())
    assert [v.shape for v in saved.variables] == [
        v.shape for v in fresh.variables
    ]
    assert (tmp_path / "report.md").is_file()


def test_a_narrower_student_with_copied_ends_is_refused_before_training(
    teacher_file, tmp_path
):
    for changed, words in (
        ({}, "conv1x1 puts a trained"),
        ({"connector": "conv1x1"}, "Without `copy_ends`"),
        ({"method": "kd"}, "Without `copy_ends`"),
    ):
        with pytest.raises(errors.SettingsError, match=words):
            compress(teacher_file, tmp_path / "run", **changed)
    with pytest.raises(
        ValueError, match="`connector` is only for `method` lit"
    ):
        compress(
            teacher_file, tmp_path / "run", connector="conv1x1", method="kd"
        )
    with pytest.raises(ValueError, match="`teacher_cache` does not store"):
        compress(
            teacher_file,
            tmp_path / "run",
            connector="conv1x1",
            copy_ends=False,
            frozen=config.Frozen(teacher_cache="memory"),
        )
