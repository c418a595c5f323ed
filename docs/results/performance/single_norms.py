"""Times Keras's BatchNormalization and its fused twin, one layer at a time.

    python docs/results/performance/single_norms.py

Prints the ratio Keras ÷ twin of the time on the clock and of the processor's
time in all threads: medians of the ratios of rounds in which both run in turn.
A training call has all gradients.
"""

import functools
import statistics
import time

import keras
import tensorflow as tf

from lit_tf.layers.fast_layers import FastBatchNormalization

ROUNDS, WARM_UP, CALLS = 15, 3, 5
SHAPES = [
    (32, 64),
    (32, 1280),
    (512, 512),
    (32, 128, 64),
    (32, 32, 32, 32),
    (32, 16, 16, 144),
    (32, 2, 2, 1280),
    (32, 4, 4, 16),
    (8, 8, 16, 16, 32),
]


def train(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x, training=True) * x)
    slopes = tape.gradient(total, [x, *layer.trainable_variables])
    return tf.add_n([tf.cast(tf.reduce_max(s), tf.float32) for s in slopes])


def infer(layer, x):
    return tf.reduce_max(layer(x, training=False))


def ratios(shape, policy, function):
    """Returns Keras ÷ twin: time on the clock, and of the processor."""
    calls = []
    for kind in (keras.layers.BatchNormalization, FastBatchNormalization):
        layer = kind(dtype=policy)
        layer.build(shape)
        x = tf.cast(
            tf.random.stateless_normal(shape, [0, 0]), layer.compute_dtype
        )
        calls.append((tf.function(functools.partial(function, layer)), x))
    rounds = []
    for turn in range(WARM_UP + ROUNDS):
        spent = []
        for call, x in calls:
            clock, processor = time.perf_counter(), time.process_time()
            for _ in range(CALLS):
                call(x).numpy()
            spent.append(
                (time.perf_counter() - clock, time.process_time() - processor)
            )
        if turn >= WARM_UP:
            rounds.append([a / b for a, b in zip(*spent, strict=True)])
    return map(statistics.median, zip(*rounds, strict=True))


def main():
    print(f"{'':20}{'train':>15}{'infer':>15}")
    for policy in ("float32", "mixed_bfloat16"):
        for shape in SHAPES:
            line = f"{str(shape):20}"
            for function in (train, infer):
                clock, processor = ratios(shape, policy, function)
                line += f"{clock:8.2f}{processor:7.2f}"
            print(f"{line}  {policy}", flush=True)


if __name__ == "__main__":
    main()
