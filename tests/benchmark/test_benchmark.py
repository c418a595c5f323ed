"""The numbers of `lit-benchmark` are consistent. No test checks a speed."""

import contextlib
import dataclasses
import io
import json
import pathlib

import keras
import numpy as np
import pytest
import slow
import tensorflow as tf
from tiny_benchmark import TINY

from lit_tf import config, data, errors, layers, models
from lit_tf.benchmark import bench, memory, peer, pieces, profile, timing
from lit_tf.losses import distillation
from lit_tf.methods import lit
from lit_tf.sections import cost
from lit_tf.training import optimizers

TESTS = pathlib.Path(__file__).parents[1]


pytestmark = pytest.mark.usefixtures("small_family")
# Processes that measure memory know the small architecture too.
KNOWN = (
    f"import sys; sys.path.append({str(TESTS)!r}); "
    "import small; small.register(); "
)


# A side of the product of two matrices; a longer one takes longer.
SIDE = 64


_measure = memory._measure_in_process


def _measured(name, settings):
    """Measures one piece in a process, and invents the memory of the others."""
    if name == "lit_step":
        return _measure(name, settings)
    return {"peak_mib": 30.0, "growth_mib": 0.0}


@pytest.fixture(scope="module")
def results(small_family):
    """A whole benchmark of a tiny pair: its results and its output."""
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "_CHILD", KNOWN + memory._CHILD)
        patch.setattr(memory, "_measure_in_process", _measured)
        patch.setattr(timing, "_WARM_UP", 1)
        patch.setitem(pieces._SIDES, "CPU", SIDE)
        with contextlib.redirect_stdout(output):
            results = timing.run(TINY)
    return results, output.getvalue()


def test_each_piece_has_a_time_and_a_row(results):
    answer, output = results
    for name in pieces.PIECES:
        assert answer[f"{name}_ms"] > 0
        assert f"\n| {timing._LABELS[name]} " in output


def test_the_json_has_the_documented_keys(results):
    answer, _ = results
    keys = {"lit_step_ms", "teacher_ms", "student_step_ms", "limit_ms"}
    keys |= {"ratio_to_limit", "peer_step_ms", "ratio_to_peer", "input_ms"}
    keys |= {"matmul_gflops", "step_gflops", "ratio_to_matmul"}
    keys |= {"teacher_mib", "student_step_mib", "lit_step_mib"}
    keys |= {"ratio_of_memory", "growth_mib", "sections_ms", "settings"}
    keys |= {"fine_tune_step_ms", "hardware", "versions", "batch_size", "dtype"}
    assert keys <= json.loads(json.dumps(answer, allow_nan=False)).keys()


def test_the_ratios_are_those_of_the_times(results):
    answer, _ = results
    limit = sum(
        answer[f"{name}_ms"] for name in ("teacher", "student_step", "sections")
    )
    least = answer["step_gflops"] / answer["matmul_gflops"] * 1000
    step = answer["lit_step_ms"]
    assert answer["limit_ms"] == pytest.approx(limit)
    assert answer["ratio_to_limit"] == pytest.approx(step / limit)
    assert answer["ratio_to_peer"] == pytest.approx(
        answer["peer_step_ms"] / step
    )
    assert answer["ratio_to_matmul"] == pytest.approx(step / least)
    assert answer["matmul_gflops"] * answer["matmul_ms"] == pytest.approx(
        2 * SIDE**3 / 1e6
    )


def test_the_memory_of_a_process_is_above_that_of_its_imports(results):
    answer, _ = results
    mib = [answer[f"{name}_mib"] for name in ("teacher", "student_step")]
    assert answer["lit_step_mib"] > 1
    ratio = answer["lit_step_mib"] / (mib[0] + 1.5 * mib[1])
    assert answer["ratio_of_memory"] == pytest.approx(ratio)


def test_a_failed_process_is_named(monkeypatch):
    monkeypatch.setattr(memory, "_CHILD", "raise ValueError('no {name}')")
    with pytest.raises(errors.DataError, match="teacher failed.*no teacher"):
        memory.measured(TINY)


def test_a_profile_has_the_ops_of_a_step(results):
    answer, output = results
    ops = answer["ops_ms"]
    for kind in ("Conv2DBackpropFilter", "Conv2D", "FusedBatchNormGrad"):
        assert any(kind in name for name in ops)
    assert {"AssignSubVariableOp", "ArgMax"} <= ops.keys()
    assert all(each > 0 for each in ops.values())
    assert answer["traced_step_ms"] > 0
    assert [*ops.values()] == sorted(ops.values(), reverse=True)
    assert f"| {next(iter(ops))} " in output


def test_an_ops_own_time_excludes_nested_ops():
    spans = [(0, 10, "a"), (2, 5, "b"), (5, 6, "c"), (3, 4, "d"), (12, 15, "a")]
    own = [("d", 1), ("b", 2), ("c", 1), ("a", 6), ("a", 3)]
    assert profile.own_times(spans) == own


def test_the_flops_of_a_lit_step_are_those_counted_by_hand(dense, vectors):
    trainer = lit.LIT(dense(1), dense(2))
    trainer.compile(optimizers.SGD(0.1))
    teacher = 4 * 6 + 6 * 6 + 6 * 6 + 6 * 3
    # Each layer: forward, and the gradient of the kernel. On the student's own
    # stream section 2 also has the gradient of its input, and the frozen head
    # only that one.
    student = 2 * 36 + 2 * 36 + 3 * 36 + 2 * 18
    batch = tuple(map(tf.constant, vectors(4)))
    counted = cost.count_traced_flops(trainer.train_step, batch)
    assert counted == cost.FlopCount(2 * 4 * (teacher + student))


def test_the_flops_of_the_sections_are_those_counted_by_hand(dense, vectors):
    trainer = lit.LIT(dense(1), dense(2))

    class Ready:
        batch, images, jit_compile = (
            tuple(map(tf.constant, vectors())),
            4,
            False,
        )

        def trainers(self):
            return {"lit": trainer}

    piece = pieces.PIECES["sections"](Ready())
    # Section 2: forward, and the gradient of its kernel.
    assert piece.flops() == cost.FlopCount(2 * 4 * 2 * 36)
    T, S = trainer.teacher, trainer.student
    before = T.sections[0](T.stem(Ready.batch[0]))
    with tf.GradientTape() as tape:
        made, wanted = S.sections[1](before), T.sections[1](before)
        total = tf.reduce_mean(tf.square(wanted - made))
    slopes = tape.gradient(total, S.sections[1].trainable_variables)
    expected = sum(float(tf.reduce_max(each)) for each in (total, *slopes))
    assert piece.call() == pytest.approx(expected, rel=1e-5)


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
@pytest.mark.parametrize("stock", [True, False])
def test_the_peer_minimises_the_loss_of_lit_on_the_students_stream(
    dense, vectors, stock
):
    teacher, student, method = dense(1), dense(2), config.Loss()
    student.head.set_weights(teacher.head.get_weights())
    model = peer.distiller(teacher, student, method, stock=stock)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    x, y = vectors()
    T, S = [teacher.stem(x)], [student.stem(x)]
    for k in range(2):
        T.append(teacher.sections[k](T[-1]))
        S.append(student.sections[k](S[-1]))
    z_t, z_s = teacher.head(T[-1]), student.head(S[-1])
    ir = sum(np.mean((t - s) ** 2) for t, s in zip(T[1:], S[1:], strict=True))
    soft, least = (
        distillation.soft(z_t, z, method.temperature) for z in (z_s, z_t)
    )
    # Keras computes the KL divergence, whose minimum is 0.
    kd = distillation.kd(
        distillation.hard(y, z_s),
        soft - least,
        alpha=method.alpha,
        temperature=method.temperature,
    )
    expected = distillation.lit(np.mean(kd), ir, beta=method.beta)
    assert float(model.compute_loss(x, y)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("stock", slow.all_but([False], [True, False]))
def test_the_peer_has_the_batchnorm_of_keras_or_of_lit_tf(build, batch, stock):
    teacher, student = build("resnet14", seed=1), build(seed=2)
    model = peer.distiller(teacher, student, config.Loss(), stock=stock)
    for one, of in ((model.student, student), (model.teacher, teacher)):
        kinds = {
            type(layer)
            for layer in one._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization)
        }
        assert kinds == {
            keras.layers.BatchNormalization
            if stock
            else layers.BatchNormalization
        }
        images = batch(2)[0]
        np.testing.assert_allclose(
            one(images, training=False), of(images, training=False), rtol=1e-4
        )


def test_pieces_share_no_variable():
    made = bench.Bench(TINY)
    first, second = (made.trainers()["lit"] for _ in range(2))
    ours = {
        id(v)
        for trainer in (first, second)
        for v in (*trainer.student.variables, *trainer.teacher.variables)
    }
    assert len(ours) == 2 * (
        len(first.student.variables) + len(first.teacher.variables)
    )


def test_steps_take_one_batch_in_memory_or_as_many_as_are_read():
    kept = [x.numpy() for x, _ in bench.Bench(TINY).feed().take(3)]
    read = [x.numpy() for x, _ in bench.Bench(TINY, steps=200).feed()]
    assert np.array_equal(kept[0], kept[2])
    assert len(read) == 200
    assert not np.array_equal(read[0], read[1])
    # An epoch has 160 batches; the next one has another order.
    assert not np.array_equal(read[0], read[160])
    spec = bench.Bench(TINY).feed().element_spec[0].shape
    assert spec.as_list() == [None, 8, 8, 1]


def test_a_pair_has_the_architecture_of_the_settings():
    shape = config.Architecture(width=8, cardinality=2)
    names = {"teacher": "resnext14", "student": "resnext8"}
    made = bench.Bench(dataclasses.replace(TINY, **names, architecture=shape))
    form = data.DATASETS["digits"].form(config.Data())
    for name, model in zip(names.values(), made.pair(), strict=True):
        wanted = models.get(name, width=8, cardinality=2)(**form)
        assert [v.shape for v in model.variables] == [
            v.shape for v in wanted.variables
        ]


def test_the_activations_of_a_new_teacher_do_not_grow_with_depth():
    names = {"teacher": "resnet56", "student": "resnet8"}
    deep = dataclasses.replace(TINY, **names)
    made = bench.Bench(deep)
    teacher, _ = made.pair()
    norm = teacher.sections[0].get_layer("block_1_norm_1")
    assert norm.momentum == 0.9
    twin = keras.Model(teacher.input, teacher.representations)
    largest = np.max(np.abs(twin(made.batch[0], training=False)[-1]))
    assert 1 < largest < 1000
