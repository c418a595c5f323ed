"""The queue of jobs and the results of those that are finished (`run.py`)."""

import json
import pathlib
import threading

import numpy as np

_STUDENTS_IN_A_FILE = 12


class Results:
    """Lines and students of finished jobs, in files that are always whole.

    Args:
        folder: the folder of the files; it is created.

    Attributes:
        done: names of the jobs that earlier processes finished.
        validation: validation accuracy of finished jobs by name.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._lines = folder / "results.jsonl"
        self._lock = threading.Lock()
        self._students = {}
        self._archives = len(list(folder.glob("students_*.npz")))
        records = []
        if self._lines.exists():
            lines = self._lines.read_text().splitlines()
            records = [json.loads(line) for line in lines]
        self.done = {record["name"] for record in records}
        self.validation = {}
        for record in records:
            self._note(record)

    def _note(self, record):
        if "validation" in record:
            self.validation[record["name"]] = record["validation"]

    def add(self, record, student=None):
        with self._lock:
            for name, array in (student or {}).items():
                self._students[f"{record['name']}/{name}"] = array
            if student:
                self._write_students()
            # Last: a job with a line is not run again.
            with self._lines.open("a") as lines:
                lines.write(json.dumps(record) + "\n")
            self._note(record)

    def _write_students(self):
        path = self._folder / f"students_{self._archives}.npz"
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, **self._students)
        partial.replace(path)
        jobs = {name.split("/")[0] for name in self._students}
        if len(jobs) == _STUDENTS_IN_A_FILE:
            self._students = {}
            self._archives += 1


def next_job(remaining: list[dict], results: Results) -> dict | None:
    """Takes the next job that can begin; None if there is none yet.

    A job with a condition waits for the trials that the condition names, and
    is dropped if its own trial is not the best of them on validation.
    """
    for job in list(remaining):
        condition = job.get("if")
        if condition is None:
            remaining.remove(job)
            return job
        found = [results.validation.get(name) for name in condition["among"]]
        if None in found:
            continue
        remaining.remove(job)
        if condition["among"][found.index(max(found))] == condition["best"]:
            return job
    return None
