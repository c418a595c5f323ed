"""The pieces that `lit-benchmark` times: a training step and its parts.

A piece is a function in `PIECES` that builds a callable to be timed. Each piece
has its own models, so that pieces do not change each other. Steps take batches
that are in memory; reading batches is a separate piece.
"""

import contextlib
import dataclasses
import functools
import io
import itertools
from collections.abc import Callable

import keras
import tensorflow as tf

from lit_tf import layers
from lit_tf.benchmark import peer
from lit_tf.benchmark.bench import Bench
from lit_tf.data.streams import Stream
from lit_tf.outputs import Classes
from lit_tf.sections import copying, cost
from lit_tf.sections.context import divide
from lit_tf.teacher import cache
from lit_tf.training import optimizers

# Batches that one call reads: so many that prefetched ones do not matter.
_READ = 50
# Rows and columns of the matrices, by kind of device.
_SIDES = {"CPU": 2048, "GPU": 8192}


class NotTimedError(Exception):
    """A piece that does not exist for a pair of models, with the reason."""


def _no_flops():
    return cost.FlopCount(0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Piece:
    """A callable that can be timed.

    Args:
        call: a function that returns when the work is done.
        flops: a function that returns the FLOPs of a call (2 × multiply-adds)
            and the operations that were not counted; 0 FLOPs by default.
        images: the number of images that a call processes; 0 for none.
        times: the number of repetitions in a call, by which its time is
            divided.
    """

    call: Callable[[], object]
    flops: Callable[[], cost.FlopCount] = _no_flops
    images: int = 0
    times: int = 1


def _matmul(bench):
    side = _SIDES[bench.device.partition(":")[0]]
    dtype = keras.DTypePolicy(bench.config.compute.dtype).compute_dtype
    left, right = (
        tf.cast(tf.random.stateless_normal([side, side], [seed, 0]), dtype)
        for seed in (1, 2)
    )

    # Only one number is read, but it depends on the whole product.
    @tf.function(jit_compile=bench.jit_compile)
    def product(left, right):
        return tf.reduce_max(tf.matmul(left, right))

    return Piece(
        call=lambda: product(left, right).numpy(),
        flops=lambda: cost.FlopCount(2 * side**3),
    )


def _input(bench, views=None):
    def read():
        for _ in bench.read(views).take(_READ):
            pass

    return Piece(call=read, images=_READ * bench.images, times=_READ)


def _cached_input(bench):
    return _input(bench, _cached_outputs(bench, bench.trainers()["lit"]))


def _teacher(bench):
    lit = bench.trainers()["lit"]
    frozen = lit.frozen

    def forward(images):
        outputs = tf.nest.flatten(frozen(images, training=False))
        # One number of each output, so that TensorFlow computes all of them.
        return tf.add_n(
            [tf.cast(tf.reduce_max(one), tf.float32) for one in outputs]
        )

    piece = _on_batch(bench, forward, bench.batch[0])
    return _on_faster_layers(piece, lit.models_of_a_step)


def _sections(bench):
    """Times sections 2 … K, forward and backward, on given representations."""
    lit = bench.trainers()["lit"]
    frozen, penalty = lit.frozen, lit.penalty
    outputs = tf.function(lambda x: frozen(x, training=False))(bench.batch[0])
    representations = tf.nest.flatten(outputs)[
        : len(lit.student.representations)
    ]
    _, context = divide(lit.student.stem(bench.batch[0], training=False))
    _, *sections = lit.student.bind(context)[:-1]
    variables = [v for s in sections for v in s.model.trainable_variables]

    def gradients(*representations):
        with tf.GradientTape() as tape:
            total = tf.zeros([])
            for section, (inputs, target) in zip(
                sections, itertools.pairwise(representations), strict=True
            ):
                outputs = section.unrecorded(inputs, training=True)
                total += tf.reduce_mean(penalty(target, outputs))
        slopes = tape.gradient(total, variables)
        return tf.add_n(
            [tf.cast(tf.reduce_max(s), tf.float32) for s in (total, *slopes)]
        )

    piece = _on_batch(bench, gradients, *representations[1:])
    return _on_faster_layers(piece, lit.models_of_a_step)


def _student_step(bench):
    return _step(bench, bench.plain_trainer(), "teach")


def _lit_step(bench):
    return _step(bench, bench.trainers()["lit"], "lit")


def _fine_tune_step(bench):
    return _step(bench, bench.trainers()["fine_tune"], "fine_tune")


def _cached_step(bench):
    lit = bench.trainers()["lit"]
    return _step(bench, lit, "lit", views=_cached_outputs(bench, lit))


def _cached_outputs(bench, lit):
    """Returns the teacher's cached outputs for the training examples."""
    if isinstance(bench.dataset.train, Stream):
        raise NotTimedError("A model with several outputs has no cache.")
    if lit.augments:
        raise NotTimedError("Models with augmentation layers have no cache.")
    with contextlib.redirect_stdout(io.StringIO()):
        return (
            cache.TeacherCache(
                lit.teacher,
                lit.frozen,
                bench.dataset,
                bench.config.frozen,
                seed=bench.config.compute.seed,
                folder=bench.config.session.teacher_cache_folder,
                epochs=bench.config.lit.epochs,
            )
            .open()
            .train
        )


def _peer_step(bench, *, stock=True):
    loss = peer.loss_of(bench.outputs)
    if loss is None:
        raise NotTimedError("It is compared for models with one output.")
    teacher, student = bench.pair()
    teacher = copying.copy_model(teacher, policy=bench.config.compute.dtype)
    model = peer.distiller(
        teacher,
        student,
        bench.config.loss,
        stock=stock,
        classes=isinstance(bench.outputs, Classes),
    )
    models = [] if stock else [model.teacher, model.student]
    step = _step(bench, model, "lit", loss=loss)
    return _on_faster_layers(step, models)


def _on_faster_layers(piece, models):
    """Returns a piece that computes models as a training step does."""
    fast = layers.FastLayers(models)

    def call():
        with fast.in_use():
            return piece.call()

    return dataclasses.replace(piece, call=call)


def _on_batch(bench, function, *tensors):
    """Returns a piece that calls a function of tensors and reads its result."""
    compiled = tf.function(function, jit_compile=bench.jit_compile)
    return Piece(
        call=lambda: compiled(*tensors).numpy(),
        flops=lambda: cost.count_traced_flops(function, *tensors),
        images=bench.images,
    )


def _step(bench, model, phase, *, views=None, **how):
    """Returns a piece that takes a step as `fit` does and reads its loss."""
    settings = getattr(bench.config, phase)
    model.compile(
        optimizers.of(settings),
        jit_compile=bench.jit_compile,
        **how,
    )
    if not model.optimizer.built:  # The trainers of lit_tf do this themselves.
        model.optimizer.build(model.trainable_variables)
    model.make_train_function()
    feed = bench.feed(views)
    batches = iter(feed)
    return Piece(
        call=lambda: float(model.train_function(batches)["loss"]),
        flops=lambda: cost.count_traced_flops(
            model.train_step, next(iter(feed))
        ),
        images=bench.images,
    )


# In the JSON, the time of a piece has the piece's name and `_ms`.
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
