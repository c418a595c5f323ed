"""Run folders with the files of `lit-compress` that a report reads."""

import json

import pytest

from lit_tf import config
from lit_tf.config import flatten

DATA = {
    "name": "cifar10",
    "fingerprint": "0123456789abcdef",
    "note": "50,000 training and 10,000 test images",
    "train": 45000,
    "validation": 5000,
    "test": 10000,
}
VERSIONS = {
    "python": "3.11.7",
    "lit_tf": "0.1.0",
    "tensorflow": "2.21.0",
    "keras": "3.15.1",
}


def _costs(model, depth):
    return {
        "model": model,
        "depth": depth,
        "parameters": 1000 * depth,
        "flops": 10**6 * depth,
        "latency_ms": depth / 10,
    }


@pytest.fixture
def leave(tmp_path):
    """A function: name, accuracies, settings → a finished run's folder."""

    def make(
        name,
        *,
        test=0.9,
        validation=0.8,
        best=0.85,
        examples=450000,
        seconds=100.0,
        data=None,
        versions=None,
        hardware=None,
        taught_by=56,
        teacher_test=0.9339,
        latency_ms=None,
        flops=None,
        **settings,
    ):
        settings = flatten.flatten(config.Compress()) | settings
        depth = int(settings["student"].removeprefix("resnet"))
        student = _costs(settings["student"], depth)
        student["latency_ms"] = latency_ms or student["latency_ms"]
        teacher = _costs(f"resnet{taught_by}", taught_by)
        teacher["validation_accuracy"] = 0.95
        last = {"epoch": 9, "validation_accuracy": validation}
        chosen = best and {"epoch": 7, "validation_accuracy": best}
        if settings["read_test"]:
            teacher["test_accuracy"] = teacher_test
            last["test_accuracy"] = test
            if chosen:
                chosen["test_accuracy"] = test + 0.01
            student["test_accuracy"] = test + (0.01 if chosen else 0.0)
        student |= {
            "exported": "best" if chosen else "last",
            "last": last,
            "best": chosen,
        }
        report = {
            "settings": settings,
            "teacher": teacher,
            "student": student,
            "data": DATA | (data or {}),
            "versions": VERSIONS | (versions or {}),
            "hardware": hardware or {"processor": "A", "cores": 2, "gpus": []},
            "budget": {
                "examples": examples,
                "flops": flops or 200 * examples,
                "seconds": seconds,
                "phases": {},
            },
        }
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(json.dumps(report))
        (folder / "config.json").write_text(json.dumps({"kind": "Compress"}))
        rows = [
            {
                "phase": "lit",
                "epoch": epoch,
                "step": 10 * epoch + i,
                "section_1/penalty_teacher_fed": 1 / epoch + i,
                "section_1/penalty_student_fed": 2 / epoch + i,
            }
            for epoch in (1, 2)
            for i in (1, 0)
        ]
        lines = "\n".join(map(json.dumps, rows))
        (folder / "metrics.jsonl").write_text(lines)
        return folder

    return make
