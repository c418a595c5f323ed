"""Trains on an accelerator by the programs of `programs.py`; needs JAX alone.

    python tools/accelerator/run.py FOLDER [--clients=3] [--seconds=500]

FOLDER holds `jobs.json`, the programs and initial weights that it names, and
`data.npz` with images and labels. A job trains a student through its phases.
Each finished job adds a line to FOLDER/results/results.jsonl, and its student
to an archive next to it. Jobs begin in their order while `--seconds` last;
`--clients` of them run at a time. Interrupted, it goes on with the next job.
"""

import argparse
import concurrent.futures
import json
import lzma
import pathlib
import re
import threading
import time

import jax
import numpy as np
import orders
from jax._src import xla_bridge
from jax._src.lib import xla_client
from job_results import Results, next_job

_COMPILING = threading.Lock()  # Each program is compiled once.


class Client:
    """A client of the device with its own stream, its programs and data."""

    def __init__(self, folder: pathlib.Path, first: bool):
        self.folder = folder
        self._programs = {}
        self._data = {}
        self.client = jax.devices()[0].client
        if not first:
            self.client = _another(self.client.platform)
        self.device = self.client.local_devices()[0]

    def program(self, name: str) -> "Program":
        if name not in self._programs:
            self._programs[name] = Program(self, self.folder / name)
        return self._programs[name]

    def put(self, array: np.ndarray) -> jax.Array:
        return jax.device_put(array, self.device)

    def data(self, key: str, examples: str | None = None) -> jax.Array:
        """Returns an array of `data.npz`, or some of its examples."""
        if (key, examples) not in self._data:
            array = _data(self.folder)[key]
            if examples:
                array = array[_data(self.folder)[examples]]
            self._data[key, examples] = self.put(array)
        return self._data[key, examples]


class Program:
    """A compiled program, called with arguments and variables by name.

    What was compiled is kept by its file, for other clients and processes.
    """

    def __init__(self, client: Client, path: pathlib.Path):
        facts = json.loads(path.with_suffix(".json").read_text())
        devices = xla_client.DeviceList((client.device,))
        options = xla_client.CompileOptions()
        compiled = path.with_suffix(f".{client.client.platform}")
        with _COMPILING:
            if not compiled.exists():
                code = stablehlo(
                    lzma.decompress(path.with_suffix(".hlo.xz").read_bytes())
                )
                made = client.client.compile_and_load(code, devices, options)
                compiled.write_bytes(client.client.serialize_executable(made))
        self._executable = client.client.deserialize_executable(
            compiled.read_bytes(), devices, options
        )
        self.parameters = facts["parameters"]
        self.results = facts["results"]
        self.shapes = facts["variables"]
        with np.load(path.with_suffix(".npz")) as kept:
            self._values = {n: self.typed(n, kept[n]) for n in kept}
        self._client = client
        self._unchanged = {
            name: client.put(value)
            for name, value in self._values.items()
            if name not in self.results
        }

    def typed(self, name: str, array: np.ndarray) -> np.ndarray:
        """Returns an array of a file in the type of the variable."""
        _, dtype = self.shapes.get(name, (None, None))
        return array.view(dtype) if dtype == "bfloat16" else array

    def first_values(self) -> dict[str, jax.Array]:
        """Returns the constants, and new buffers of what a call changes.

        A call takes the buffers of the variables that it changes.
        """
        changed = {
            name: self._client.put(value)
            for name, value in self._values.items()
            if name in self.results
        }
        return self._unchanged | changed

    def __call__(self, values: dict[str, jax.Array]) -> dict[str, jax.Array]:
        arguments = [values[name] for _, name in self.parameters]
        done = self._executable.execute_sharded(arguments)
        arrays = done.disassemble_into_single_device_arrays()
        # What XLA adds to the results are the variables it has changed.
        pairs = zip(self.results, arrays, strict=False)
        return {name: one for name, (one,) in pairs}


def stablehlo(code: bytes) -> bytes:
    """Returns HLO as StableHLO, the form that plug-ins of JAX compile.

    StableHLO has no copies; a reshape to the same shape is one.
    """
    mlir = xla_client._xla.mlir
    text = mlir.xla_computation_to_mlir_module(xla_client.XlaComputation(code))
    text = re.sub(
        r"mhlo\.copy (%[\w#]+) : (tensor<[^>]*>)",
        r"mhlo.reshape \1 : (\2) -> \2",
        text,
    )
    return mlir.mhlo_to_stablehlo(text.encode())


def train(client: Client, job: dict, folder: pathlib.Path) -> tuple:
    """Trains a student through the phases of a job.

    Returns:
        The job's line of results, and the student's variables by name.
    """
    first = client.program(job["phases"][0]["program"])
    with np.load(folder / job["initial"]) as initial:
        student = {n: client.put(first.typed(n, initial[n])) for n in initial}
    rates = np.load(folder / "rates.npz")
    examples = job.get("examples")
    record = {"name": job["name"], "phases": []}
    for phase in job["phases"]:
        program = client.program(phase["program"])
        inputs = client.data("inputs", examples)
        labels = client.data("labels", examples)
        values = program.first_values() | student
        values |= {"inputs": inputs, "labels": labels}
        of_phase = rates[phase["rates"]].astype(np.float32)
        steps = len(of_phase) // phase["epochs"]
        metrics = []
        began = time.monotonic()
        for epoch in range(phase["epochs"]):
            order = orders.order(len(inputs), phase["seed"], epoch)
            drawn = orders.draws(order, phase["seed"], epoch, 3)
            values |= {
                "order": client.put(order),
                "draws": client.put(drawn),
                "rates": client.put(of_phase[epoch * steps :][:steps]),
            }
            results = program(values)
            values |= {n: v for n, v in results.items() if n in values}
            metrics.append(
                {n: v for n, v in results.items() if n.startswith("metric/")}
            )
            # At most one epoch waits.
            if epoch:
                jax.block_until_ready(metrics[-2])
        student = {n: values[n] for n in values if n.startswith("student/")}
        jax.block_until_ready(student)
        record["phases"].append(
            {
                "program": phase["program"],
                "epochs": phase["epochs"],
                "seconds": round(time.monotonic() - began, 3),
                "metrics": [
                    {n.removeprefix("metric/"): float(v) for n, v in e.items()}
                    for e in metrics
                ],
            }
        )
    for name, split in job.get("evaluate", {}).items():
        program = client.program(name)
        values = program.first_values() | student
        values |= {
            "inputs": client.data("inputs", split),
            "labels": client.data("labels", split),
        }
        record[split] = float(program(values)["accuracy"])
    return record, {n: np.asarray(v) for n, v in student.items()}


def _another(platform):
    if platform == "cpu":
        return xla_client.make_cpu_client()
    return xla_bridge.make_pjrt_c_api_client("cuda", {"preallocate": False})


_LOADED = {}


def _data(folder):
    if not _LOADED:
        with np.load(folder / "data.npz") as arrays:
            _LOADED.update({name: arrays[name] for name in arrays})
    return _LOADED


def main() -> None:
    """Runs the jobs of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--out", type=pathlib.Path)
    given = parser.parse_args()
    began = time.monotonic()
    jax.config.update("jax_enable_x64", True)
    folder = given.folder
    results = Results(given.out or folder / "results")
    jobs = json.loads((folder / "jobs.json").read_text())
    waiting = [job for job in jobs if job["name"] not in results.done]
    clients = [Client(folder, not n) for n in range(given.clients)]
    print(clients[0].device.device_kind, len(waiting), "jobs", flush=True)
    lock = threading.Lock()

    def work(client):
        while time.monotonic() - began < given.seconds:
            with lock:
                job = next_job(waiting, results)
            if job is None and not waiting:
                return
            if job is None:
                time.sleep(0.1)
                continue
            record, student = train(client, job, folder)
            results.add(record, student if job.get("keep", True) else None)
            phases = [
                f"{p['program']} {p['epochs']} epochs {p['seconds']:.1f} s"
                for p in record["phases"]
            ]
            kept = {
                k: v for k, v in record.items() if k not in ("phases", "name")
            }
            print(
                f"{time.monotonic() - began:6.1f} {record['name']:<30} "
                f"{', '.join(phases)} {kept}",
                flush=True,
            )

    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        for future in [pool.submit(work, client) for client in clients]:
            future.result()


if __name__ == "__main__":
    main()
