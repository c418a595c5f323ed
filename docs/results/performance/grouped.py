"""Times ways to compute a grouped 3×3 convolution, forward and backward.

    python docs/results/performance/grouped.py

The shapes are those of a ResNeXt's three stages, 8 groups in each. All ways
compute the same, which is checked, and take turns. Prints milliseconds, the
median, of the convolution alone and with both its gradients.
"""

import functools
import statistics
import sys
import time

import keras
import tensorflow as tf

from lit_tf import layers
from lit_tf.experiment import hardware

GROUPS = 8
STAGES = {  # Side, filters, stride.
    "stage 1": (32, 32, 1),
    "stage 2, first block": (32, 64, 2),
    "stage 2": (16, 64, 1),
    "stage 3": (8, 128, 1),
}
ROUNDS, WARM_UP = 9, 1


def keras_own(x, kernel, stride):
    """Keras: XLA compiles TensorFlow's op, which has no CPU gradient."""
    return keras.ops.conv(x, kernel, stride, "valid")


def block_diagonal(x, kernel, stride):
    """A dense convolution whose kernel is zero between groups."""
    return tf.nn.conv2d(x, dense(kernel, GROUPS), stride, "VALID")


def dense(kernel, groups):
    """Spreads `[h, w, i, o]` to `[h, w, groups·i, o]`, zero between groups."""
    *window, inputs, filters = kernel.shape
    per_group = tf.reshape(kernel, [*window, 1, inputs, groups, -1])
    own = tf.eye(groups, dtype=kernel.dtype)[:, tf.newaxis, :, tf.newaxis]
    return tf.reshape(per_group * own, [*window, groups * inputs, filters])


def slices(x, kernel, stride, parts=GROUPS):
    """A convolution a slice of channels, dense within a slice."""
    per_part = GROUPS // parts
    kernels = tf.split(kernel, parts, -1)
    if per_part > 1:
        kernels = [dense(one, per_part) for one in kernels]
    return tf.concat(
        [
            tf.nn.conv2d(one, its, stride, "VALID")
            for one, its in zip(tf.split(x, parts, -1), kernels, strict=True)
        ],
        -1,
    )


def batched(x, kernel, stride):
    """A matrix product a group, batched, of the windows laid side by side."""
    *_, inputs, filters = kernel.shape
    across = (x.shape[1] - 3) // stride + 1
    windows = [
        x[:, i : i + stride * across : stride, j : j + stride * across : stride]
        for i in range(3)
        for j in range(3)
    ]
    windows = [
        tf.reshape(w, [-1, across * across, GROUPS, inputs]) for w in windows
    ]
    windows = tf.transpose(tf.concat(windows, -1), [2, 0, 1, 3])
    windows = tf.reshape(windows, [GROUPS, -1, 9 * inputs])
    kernels = tf.reshape(kernel, [9 * inputs, GROUPS, filters // GROUPS])
    product = tf.matmul(windows, tf.transpose(kernels, [1, 0, 2]))
    product = tf.transpose(product, [1, 0, 2])
    return tf.reshape(product, [-1, across, across, filters])


def ours(x, kernel, stride):
    """TensorFlow's op forward, the gradient of four dense slices."""
    layer = layers.GroupedConv2D(kernel.shape[-1], 3, stride, groups=GROUPS)
    return layer.convolution_op(x, kernel)


SLOW = "Keras (XLA)"  # Of which two turns are enough.
WAYS = {
    SLOW: keras_own,
    "block-diagonal kernel": block_diagonal,
    "two dense slices": functools.partial(slices, parts=2),
    "four dense slices": functools.partial(slices, parts=4),
    "eight slices": slices,
    "batched matrix product": batched,
    "`layers.GroupedConv2D`": ours,
}


def forward(way, stride):
    return tf.function(lambda x, kernel: way(x, kernel, stride))


def both(way, stride):
    @tf.function
    def step(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = way(x, kernel, stride)
        return tape.gradient(y, [x, kernel], y)

    return step


def medians(runs, x, kernel):
    times = {name: [] for name in runs}
    for turn in range(ROUNDS + WARM_UP):
        for name, run in runs.items():
            if name == SLOW and len(times[name]) == 2:
                continue
            start = time.perf_counter()
            tf.nest.map_structure(lambda t: t.numpy(), run(x, kernel))
            if turn >= WARM_UP:
                times[name].append(time.perf_counter() - start)
    return {k: 1000 * statistics.median(v) for k, v in times.items()}


def agree(x, kernel, stride):
    wanted = block_diagonal(x, kernel, stride)
    size = float(tf.norm(tf.cast(wanted, tf.float32)))
    for name, way in WAYS.items():
        gap = tf.cast(forward(way, stride)(x, kernel) - wanted, tf.float32)
        if float(tf.norm(gap)) > 0.02 * size:
            sys.exit(f"{name} computes something else")


def column(make, dtype, batch, side, filters, stride):
    random = tf.random.Generator.from_seed(0)
    x = random.normal([batch, side + 2, side + 2, filters])
    kernel = random.normal([3, 3, filters // GROUPS, filters])
    x, kernel = tf.cast(x, dtype), tf.cast(kernel, dtype)
    agree(x, kernel, stride)
    runs = {name: make(way, stride) for name, way in WAYS.items()}
    return medians(runs, x, kernel)


def main():
    tf.get_logger().setLevel("ERROR")
    print(hardware.found())
    print("The machine was busy with other work: compare within a column.")
    for dtype in ("float32", "bfloat16"):
        for batch in (32, 128):
            for what, make in (("forward", forward), ("and back", both)):
                columns = {
                    stage: column(make, dtype, batch, *shape)
                    for stage, shape in STAGES.items()
                }
                print(f"\n| {dtype}, batch {batch}, {what}", end=" | ")
                print(*columns, "sum", sep=" | ", end=" |\n")
                print("|---" * (len(columns) + 2) + "|")
                for name in WAYS:
                    row = [times[name] for times in columns.values()]
                    results = [f"{value:.1f}" for value in [*row, sum(row)]]
                    print(
                        f"| {name}", *results, sep=" | ", end=" |\n", flush=True
                    )


if __name__ == "__main__":
    main()
