"""Distribution strategies and XLA, by the values of their flags."""

import functools

import tensorflow as tf

from lit_tf.training import multi_worker


def strategy(name: str) -> tf.distribute.Strategy:
    """Returns the distribution strategy with a name.

    Args:
        name: "default" for one device; "mirrored" for synchronous replicas on
            all visible GPUs or, without a GPU, on all logical CPUs;
            "multi_worker" for replicas on all machines in `TF_CONFIG`.
    """
    strategies = {
        "default": tf.distribute.get_strategy,
        "mirrored": _mirrored,
        "multi_worker": multi_worker.strategy,
    }
    return strategies[name]()


@functools.cache  # Two of them in a process abort each other's collectives.
def _mirrored():
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        print(f"--strategy=mirrored has only one device: {devices[0].name}.")
    return tf.distribute.MirroredStrategy([d.name for d in devices])


def jit_compile(choice: str) -> bool | None:
    """Returns the value of `compile(jit_compile=…)` for a flag's value.

    None leaves the choice to the trainer: XLA on a single GPU only.
    """
    return {"auto": None, "on": True, "off": False}[choice]


def compiles(choice: str) -> bool:
    """Returns whether XLA compiles steps, for a flag's value."""
    one_gpu = len(tf.config.list_logical_devices("GPU")) == 1
    return choice == "on" or (choice == "auto" and one_gpu)
