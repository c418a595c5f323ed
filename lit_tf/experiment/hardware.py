"""The hardware that a run uses, for its report."""

import os
import pathlib
import platform
from typing import Any

import tensorflow as tf


def found() -> dict[str, Any]:
    """Returns the processor, the cores this process may use, and the GPUs."""
    processor = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    cores = len(os.sched_getaffinity(0))
    return {"processor": processor, "cores": cores, "gpus": gpus}
