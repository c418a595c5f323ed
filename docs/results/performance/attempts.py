"""Times what was tried and did not help, beside what is done instead.

    python docs/results/performance/attempts.py

Milliseconds, the median; within a table the rows take turns.
"""

import statistics
import sys
import time
from unittest import mock

import tensorflow as tf

from lit_tf.benchmark import bench, settings
from lit_tf.experiment import hardware
from lit_tf.sections import layer_config
from lit_tf.teacher import frozen
from lit_tf.utils import text_format

ROUNDS, WARM_UP = 12, 3
DTYPES = ("float32", "bfloat16")


def timed(table):
    times = {name: [] for name in table}
    for turn in range(WARM_UP + ROUNDS):
        for name, call in table.items():
            start = time.perf_counter()
            call().numpy()
            if turn >= WARM_UP:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(each) for name, each in times.items()}


def tell(title, columns):
    """Prints a table: columns of {row: milliseconds} by name."""
    rows = [(title, *columns)]
    for name in next(iter(columns.values())):
        figures = (f"{column[name]:.2f}" for column in columns.values())
        rows.append((name, *figures))
    print(f"\n{text_format.table(rows)}", flush=True)


def mixed_kernels(wise, dtype):
    """Returns a twin whose folded kernels stay in float32."""
    kept = layer_config.under_policy

    def under(config, policy, **how):
        return kept(config, f"mixed_{dtype}", **how)

    with mock.patch.object(layer_config, "under_policy", under):
        return frozen.freeze(wise, dtype)


def of_the_teacher(made, dtype):
    wise, _ = made.pair()
    images = made.batch[0]
    twin = frozen.freeze(wise, dtype)

    def ask(twin, pieces):
        @tf.function
        def answer(images):
            parts = [
                twin(part, training=False) for part in tf.split(images, pieces)
            ]
            whole = [tf.concat(each, 0) for each in zip(*parts, strict=True)]
            return tf.add_n(
                [tf.cast(tf.reduce_max(one), tf.float32) for one in whole]
            )

        return lambda: answer(images)

    table = {
        f"in pieces of {128 // pieces}": ask(twin, pieces)
        for pieces in (1, 2, 4, 8)
    }
    if dtype != "float32":
        kept = mixed_kernels(wise, dtype)
        table["kernels in float32, cast at every step"] = ask(kept, 1)
    return timed(table)


def of_the_shortcut(dtype):
    x = tf.cast(tf.random.stateless_normal([128, 32, 32, 16], [0, 0]), dtype)
    kernel = tf.cast(tf.reshape(tf.eye(16), [1, 1, 16, 16]), dtype)
    ways = {
        "pooling": lambda x: tf.nn.avg_pool(x, 1, 2, "VALID"),
        "a strided slice": lambda x: x[:, ::2, ::2],
        "an identity convolution": lambda x: tf.nn.conv2d(
            x, kernel, 2, "VALID"
        ),
        "space to depth": lambda x: tf.nn.space_to_depth(x, 2)[..., :16],
    }

    def both(way):
        @tf.function
        def step(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = way(x)
            return tf.reduce_max(y) + tf.reduce_max(tape.gradient(y, x))

        return lambda: step(x)

    return timed({name: both(way) for name, way in ways.items()})


def main():
    sys.setrecursionlimit(100_000)
    print(hardware.found())
    made = bench.Bench(settings.Settings())
    found = {dtype: of_the_teacher(made, dtype) for dtype in DTYPES}
    extra = found["bfloat16"].popitem()
    tell("frozen ResNet-110, 128 images", found)
    tell("frozen ResNet-110, 128 images", {"bfloat16": dict([extra])})
    tell(
        "thinning 128×32×32×16, forward and backward",
        {dtype: of_the_shortcut(dtype) for dtype in DTYPES},
    )


if __name__ == "__main__":
    main()
