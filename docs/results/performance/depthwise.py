"""Times convolutions in which each channel is a group, forward and backward.

    python docs/results/performance/depthwise.py

Keras's `Conv2D(groups=channels)`, which XLA compiles, against the faster layer
that training steps use, TensorFlow's depthwise convolution. The shapes are
those of a ConvNeXtTiny at 64 px, batch 32, with kernels of 7×7. Both compute
the same, which is checked, and take turns. Prints milliseconds, the median.
"""

import statistics
import time

import keras
import numpy as np
import tensorflow as tf

from lit_tf import layers
from lit_tf.experiment import hardware

BATCH, KERNEL = 32, 7
STAGES = ((16, 96), (8, 192), (4, 384), (2, 768))  # Side, channels.
ROUNDS, WARM_UP = 9, 2


def calls(side, channels, dtype):
    """Returns functions that run a stage's layer, by name."""
    inputs = keras.Input((side, side, channels))
    layer = keras.layers.Conv2D(
        channels, KERNEL, padding="same", groups=channels, dtype=dtype
    )
    model = keras.Model(inputs, layer(inputs))
    x = tf.random.stateless_normal((BATCH, side, side, channels), (0, 0))
    fast = layers.FastLayers([model])
    if fast.convolutions != (layer,):
        raise RuntimeError("The layer has no faster twin.")
    compiled = {}
    for name, twins in (("Keras", layers.FastLayers([])), ("faster", fast)):
        forward, both = tf.function(layer), tf.function(gradients)
        with twins.in_use():  # Traces.
            forward(x)
            both(layer, x)
        compiled[name] = lambda f=forward: (f(x),)
        compiled[f"{name}, with gradients"] = lambda f=both: f(layer, x)
    return compiled


def gradients(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x)
    return tape.gradient(outputs, [x, layer.kernel.value])


def milliseconds(call):
    start = time.perf_counter()
    for result in call():
        result.numpy()
    return 1000 * (time.perf_counter() - start)


def check(compiled):
    for name in ("", ", with gradients"):
        pairs = zip(
            compiled[f"Keras{name}"](),
            compiled[f"faster{name}"](),
            strict=True,
        )
        for expected, result in pairs:
            expected, result = (
                tf.cast(x, tf.float32).numpy() for x in (expected, result)
            )
            error = np.abs(result - expected).max() / np.abs(expected).max()
            if error > 0.02:
                raise RuntimeError(f"The results differ by {error:.3f}.")


def main():
    print(hardware.found())
    for dtype in ("float32", "mixed_bfloat16"):
        for side, channels in STAGES:
            compiled = calls(side, channels, dtype)
            check(compiled)
            times = {name: [] for name in compiled}
            for _ in range(WARM_UP + ROUNDS):
                for name, call in compiled.items():
                    times[name].append(milliseconds(call))
            shown = ", ".join(
                f"{name} {statistics.median(spent[WARM_UP:]):.1f}"
                for name, spent in times.items()
            )
            print(f"{dtype}, {side}×{side}×{channels}: {shown}", flush=True)


if __name__ == "__main__":
    main()
