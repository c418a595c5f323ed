"""What `lit-benchmark` times: a step, and all that it consists of.

A piece is a function in `PIECES`, which builds something that can be called
again and again. Each has models of its own, so that none disturbs another, and
is given ready batches; reading them is a piece by itself.
"""

import contextlib
import dataclasses
import functools
import io
import itertools
from collections.abc import Callable

import keras
import tensorflow as tf

from lit_tf.benchmark import peer
from lit_tf.benchmark.bench import Bench
from lit_tf.experiment import build
from lit_tf.sections import cost, sectioned_model
from lit_tf.teacher import cache
from lit_tf.training import optimizers

# Batches that are read in one go, so that none was ready beforehand.
_READ = 50
# Rows and columns of the large matrices.
_SIDES = {"CPU": 2048, "GPU": 8192}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Piece:
    """Something that can be timed.

    Args:
        call: does it, and returns when it is done.
        flops: 2 × multiply-adds of a call, when asked for.
        images: that a call takes in, or 0.
        times: how often a call does it; its time is divided by this.
    """

    call: Callable[[], object]
    flops: Callable[[], int] = int
    images: int = 0
    times: int = 1


def _matmul(bench):
    side = _SIDES[bench.device.partition(":")[0]]
    dtype = keras.DTypePolicy(bench.config.run.dtype).compute_dtype
    left, right = (
        tf.cast(tf.random.stateless_normal([side, side], [seed, 0]), dtype)
        for seed in (1, 2)
    )

    # What is read is one number, of a product that is computed whole.
    @tf.function(jit_compile=bench.jit_compile)
    def product(left, right):
        return tf.reduce_max(tf.matmul(left, right))

    return Piece(
        call=lambda: product(left, right).numpy(), flops=lambda: 2 * side**3
    )


def _input(bench, views=None):
    def read():
        for _ in bench.read(views).take(_READ):
            pass

    return Piece(call=read, images=_READ * bench.images, times=_READ)


def _cached_input(bench):
    return _input(bench, _kept(bench, bench.trainers()["lit"]))


def _teacher(bench):
    ask = bench.trainers()["lit"].frozen

    def answer(images):
        answers = ask(images, training=False)
        # One number of each, or nothing would make sure that it is computed.
        return tf.add_n(
            [tf.cast(tf.reduce_max(a), tf.float32) for a in answers]
        )

    return _on_batch(bench, answer, bench.batch[0])


def _sections(bench):
    """Sections 2 … K, forward and backward, fed ready representations."""
    lit = bench.trainers()["lit"]
    ask, penalty = lit.frozen, lit.penalty
    *ready, _ = tf.function(lambda x: ask(x, training=False))(bench.batch[0])
    sections = lit.student.sections[1:]
    variables = [v for section in sections for v in section.trainable_variables]

    def gradients(*ready):
        with tf.GradientTape() as tape:
            total = tf.zeros([])
            for section, (given, wanted) in zip(
                sections, itertools.pairwise(ready), strict=True
            ):
                made, _ = section.stateless_call(
                    section.trainable_variables,
                    section.non_trainable_variables,
                    given,
                    training=True,
                )
                total += tf.reduce_mean(penalty(wanted, made))
        slopes = tape.gradient(total, variables)
        return tf.add_n(
            [tf.cast(tf.reduce_max(s), tf.float32) for s in (total, *slopes)]
        )

    return _on_batch(bench, gradients, *ready[1:])


def _student_step(bench):
    settings = bench.config
    trainer = build.teacher_trainer(
        settings.student,
        bench.dataset,
        architecture=settings.architecture,
        adversarial=settings.adversarial,
        compute=settings.run,
    )
    return _step(bench, trainer, "teach")


def _lit_step(bench):
    return _step(bench, bench.trainers()["lit"], "lit")


def _fine_tune_step(bench):
    return _step(bench, bench.trainers()["fine_tune"], "fine_tune")


def _cached_step(bench):
    lit = bench.trainers()["lit"]
    return _step(bench, lit, "lit", views=_kept(bench, lit))


def _kept(bench, lit):
    """Returns the teacher's answers to the training examples, from memory."""
    with contextlib.redirect_stdout(io.StringIO()):
        return (
            cache.Cache(lit.teacher, lit.frozen, bench.dataset, bench.config)
            .open()
            .train
        )


def _peer_step(bench, *, stock=True):
    teacher, student = bench.pair()
    teacher = sectioned_model.with_policy(teacher, bench.config.run.dtype)
    model = peer.distiller(teacher, student, bench.config.loss, stock=stock)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return _step(bench, model, "lit", loss=loss)


def _on_batch(bench, function, *tensors):
    """Returns a piece: a function of tensors, to a number that is read."""
    compiled = tf.function(function, jit_compile=bench.jit_compile)
    return Piece(
        call=lambda: compiled(*tensors).numpy(),
        flops=lambda: cost.traced_flops(function, *tensors),
        images=bench.images,
    )


def _step(bench, model, phase, *, views=None, **how):
    """Returns a piece: the step that `fit` takes, its loss read."""
    settings = getattr(bench.config, phase)
    model.compile(
        optimizers.of(settings),
        jit_compile=bench.jit_compile,
        **how,
    )
    if not model.optimizer.built:  # A trainer of ours sees to it itself.
        model.optimizer.build(model.trainable_variables)
    model.make_train_function()
    feed = bench.feed(views)
    batches = iter(feed)
    return Piece(
        call=lambda: float(model.train_function(batches)["loss"]),
        flops=lambda: cost.traced_flops(model.train_step, next(iter(feed))),
        images=bench.images,
    )


# A piece's name is that of its time in the JSON, less `_ms`.
PIECES: dict[str, Callable[[Bench], Piece]] = {
    "matmul": _matmul,
    "input": _input,
    "cached_input": _cached_input,
    "teacher": _teacher,
    "student_step": _student_step,
    "sections": _sections,
    "lit_step": _lit_step,
    "cached_step": _cached_step,
    "fine_tune_step": _fine_tune_step,
    "peer_step": _peer_step,
    "peer_on_ours_step": functools.partial(_peer_step, stock=False),
}
