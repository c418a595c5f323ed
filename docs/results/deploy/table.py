"""Prints the table of deploy.sh, with the latency of all files in turns.

python docs/results/deploy/table.py OUT_DIR

Writes OUT_DIR/table.md and OUT_DIR/table.json.
"""

import json
import pathlib
import sys

import numpy as np

from lit_tf.deployment import lite_model
from lit_tf.experiment import hardware
from lit_tf.sections import cost
from lit_tf.utils import atomic_files, text_format

PRECISIONS = {
    "none": "float32",
    "float16": "float16",
    "dynamic": "dynamic int8",
    "int8": "int8",
}
ROLES = ("teacher", "student")
RUNS = 200


def call(path):
    """Returns a function that runs a file on one example of random pixels."""
    file = lite_model.LiteModel(path)
    pixels = np.random.default_rng(0).integers(0, 256, 2**20)
    example = {
        name: np.resize(pixels, shape).astype(np.float32)
        for name, shape in file.shapes.items()
    }
    return lambda: file.one(example)


def main(folder):
    files = {
        (role, precision): folder / f"{role}_{precision}"
        for role in ROLES
        for precision in PRECISIONS
    }
    facts = {
        key: json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        for key, path in files.items()
    }
    functions = {k: call(p.with_suffix(".tflite")) for k, p in files.items()}
    latency = cost.medians_ms(functions, [], runs=RUNS)
    rows, numbers = [], []
    for (role, precision), known in facts.items():
        export = known["export"]
        numbers.append(
            {
                "role": role,
                "precision": precision,
                "test_accuracy": export["test_accuracy"],
                "keras_test_accuracy": known["model"]["test_accuracy"],
                "same_class": export["agreement"],
                "bytes": export["bytes"],
                "latency_ms": latency[role, precision],
            }
        )
        rows.append(
            (
                role,
                PRECISIONS[precision],
                f"{export['test_accuracy']:.2%}",
                f"{export['agreement']:.2%}",
                text_format.size(export["bytes"]),
                f"{latency[role, precision]:.3g} ms",
            )
        )
    head = "model", "precision", "test accuracy", "same class", "size"
    table = text_format.table([(*head, "latency, batch 1"), *rows])
    machine = hardware.found()
    text = f"{table}\n\n{machine['processor']}, one thread.\n"
    print(text, end="")
    atomic_files.write_text(folder / "table.md", text)
    atomic_files.write_json(
        folder / "table.json", {"rows": numbers, "hardware": machine}
    )


main(pathlib.Path(sys.argv[1]))
