"""Where a model is computed."""

import functools

import tensorflow as tf

from lit_tf.training import multi_worker


def strategy(name: str) -> tf.distribute.Strategy:
    """Returns the distribution strategy of a name.

    Args:
        name: "default" (one device) or "mirrored": synchronous replicas on
            every visible GPU or, without one, on every logical CPU;
            "multi_worker": on those of every machine that `TF_CONFIG` names.
    """
    makers = {
        "default": tf.distribute.get_strategy,
        "mirrored": _mirrored,
        "multi_worker": multi_worker.strategy,
    }
    return makers[name]()


@functools.cache  # Two of them in one process abort each other's collectives.
def _mirrored():
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        print(f"--strategy=mirrored has one device, {devices[0].name}.")
    return tf.distribute.MirroredStrategy([d.name for d in devices])


def jit_compile(choice: str) -> bool | None:
    """Returns what `compile(jit_compile=…)` takes for a flag's value.

    None leaves the choice to the trainer: XLA on a single GPU, none elsewhere.
    """
    return {"auto": None, "on": True, "off": False}[choice]
