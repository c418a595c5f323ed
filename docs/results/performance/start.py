"""Times runs from their command to their first step, and stops them there.

    python docs/results/performance/start.py DATA_DIR [ROUNDS]

The quickstart is compared with a process that imports TensorFlow and Keras,
builds the quickstart's teacher and takes one step with it, which has to be
traced. Then ResNet-110, with random weights, → ResNet-20 on CIFAR-10, batch
128. All take turns, three rounds by default; the shortest time counts. On a
busy machine, compare the processor's time.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from lit_tf import data, models
from lit_tf.experiment import hardware

# What the first step of the quickstart takes by itself.
_BARE = """
import keras
import numpy as np
import tensorflow as tf

from lit_tf import models

model = models.get("resnet26")(
    input_shape=(8, 8, 1), classes=10, mean=(0.0,), std=(1.0,)
)
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
model.train_on_batch(np.zeros((32, 8, 8, 1)), np.zeros(32, "int32"))
"""
_QUICKSTART = ["--recipe=quickstart"]
_RESNET = [
    "--recipe=cifar10_resnet110_to_resnet20",
    "--min_teacher_accuracy=0",
    "--lit_batch_size=128",
]


def started(command, folder=None):
    """Runs a command to its first logged step, or to its end.

    Returns:
        The seconds on the clock and those of the processor.
    """
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        # Keeps the use of the process for `wait4`.
        if os.waitid(
            os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
        ):
            break
        # A teacher that is trained has a folder of its own.
        logs = folder.rglob("metrics.jsonl") if folder else ()
        if any(log.stat().st_size for log in logs):
            break
        time.sleep(0.02)
    seconds = time.monotonic() - start
    # `Popen.kill` would take the result of a process that has ended.
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    _, _, used = os.wait4(process.pid, 0)
    return seconds, used.ru_utime + used.ru_stime


def main(data_dir, rounds=3):
    print(hardware.found(), flush=True)
    data_dir = pathlib.Path(data_dir).resolve()
    with tempfile.TemporaryDirectory() as place:
        teacher = pathlib.Path(place, "teacher.keras")
        sys.setrecursionlimit(100_000)
        models.get("resnet110")(**data.DATASETS["cifar10"].form()).save(teacher)
        resnet = [
            *_RESNET,
            f"--teacher_weights={teacher}",
            f"--data_dir={data_dir}",
        ]
        runs = {
            "quickstart": _QUICKSTART,
            "ResNet-110, float32": [*resnet, "--dtype=float32"],
            "ResNet-110, mixed_bfloat16": [*resnet, "--dtype=mixed_bfloat16"],
        }
        bare = "imports and one step of the quickstart"
        times = {name: [] for name in (bare, *runs)}
        for number in range(int(rounds)):
            times[bare].append(started([sys.executable, "-c", _BARE]))
            for name, flags in runs.items():
                folder = pathlib.Path(place, f"{number} {name}")
                folder.mkdir()
                command = [sys.executable, "-m", "lit_tf.launch.compress"]
                command += [*flags, "--log_steps=1", f"--workdir={folder}/run"]
                times[name].append(started(command, folder))
    for name, measured in times.items():
        seconds, processor = map(min, zip(*measured, strict=True))
        print(f"{name}: {seconds:.1f} s, {processor:.1f} s of the processor")
    ratio = min(times["quickstart"])[0] / min(times[bare])[0]
    print(f"quickstart ÷ {bare}: {ratio:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
