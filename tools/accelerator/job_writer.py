"""Writes runs of `lit-compress` as jobs for an accelerator (`run.py`)."""

import json
import pathlib
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import programs

from lit_tf import config, data
from lit_tf.config import flatten
from lit_tf.experiment import build, student_training
from lit_tf.training import fit, optimizers
from lit_tf.training.schedule import Schedule

# What may differ between two runs of the same programs.
_VALUES = ("lit_epochs", "fine_tune_epochs", "seed", "init")
_VALUES += ("lit_learning_rate", "fine_tune_learning_rate")


class JobWriter:
    """Writes programs, initial weights, learning rates and jobs to a folder.

    Args:
        folder: the folder.
        common: settings of all runs by the names of their flags.
    """

    def __init__(self, folder: pathlib.Path, common: Mapping[str, Any]):
        self.jobs = []
        self._folder = folder
        self._common = common
        self._datasets = {}
        self._programs = {}
        self._models = {}
        self._rates = {}

    def settings(self, **changes: Any) -> config.Compress:
        """Returns the settings of a run: the common ones, with changes."""
        values = flatten.flatten(config.Compress()) | self._common | changes
        return flatten.build(config.Compress, values)

    def dataset(self, settings: config.Compress) -> data.Dataset:
        """Returns the dataset of a run."""
        fraction = settings.data.validation_fraction
        if fraction not in self._datasets:
            self._datasets[fraction] = build.load_dataset(
                settings.data, settings.session
            )
        return self._datasets[fraction]

    def add(
        self,
        name: str,
        settings: config.Compress,
        *,
        keep: bool = True,
        among: Sequence[str] = (),
        best: str = "",
    ) -> None:
        """Adds a run.

        Args:
            name: the name of the job.
            settings: its settings.
            keep: whether the student is kept.
            among: names of trials; the job is run only if `best` has the best
                validation accuracy of them.
            best: one of the trials.
        """
        dataset = self.dataset(settings)
        trained = self._stages(settings, dataset)
        job = {"name": name, "keep": keep, "phases": []}
        job["initial"] = self._initial(settings, trained)
        job["examples"] = "all"
        if dataset.validation is not None:
            job["examples"] = "trained"
            job["evaluate"] = {
                self._accuracy(settings, trained, dataset): "validation"
            }
        for stage, trainer in trained.items():
            phase = getattr(settings, stage)
            schedule = Schedule(trainer, dataset, phase)
            if schedule.total_steps:
                job["phases"].append(
                    {
                        "program": self._epoch(
                            settings, stage, trainer, dataset
                        ),
                        "epochs": phase.epochs,
                        "rates": self._rates_of(phase, schedule),
                        "seed": fit._seed(settings.compute, stage),
                    }
                )
        if among:
            job["if"] = {"best": best, "among": list(among)}
        self.jobs.append(job)

    def close(self) -> None:
        """Writes the jobs and the data."""
        np.savez(self._folder / "rates.npz", **self._rates)
        lines = ",\n ".join(json.dumps(job) for job in self.jobs)
        (self._folder / "jobs.json").write_text(f"[{lines}]\n")

    def write_data(self, validation_fraction: float) -> None:
        """Writes all images, and the numbers of those of each split."""
        everything = self.dataset(self.settings(validation_fraction=0.0)).train
        part = self.dataset(
            self.settings(validation_fraction=validation_fraction)
        )
        numbers = {x.tobytes(): n for n, x in enumerate(everything.inputs)}

        def found(split):
            places = [numbers[x.tobytes()] for x in split.inputs]
            return np.array(places, np.int32)

        np.savez(
            self._folder / "data.npz",
            inputs=everything.inputs,
            labels=everything.labels,
            all=np.arange(len(everything), dtype=np.int32),
            trained=found(part.train),
            validation=found(part.validation),
        )

    def _stages(self, settings, dataset):
        """Returns the trainers of a run by stage."""
        values = flatten.flatten(settings)
        for name in _VALUES[:2] + _VALUES[4:]:
            del values[name]
        key = json.dumps(values, default=str)
        if key not in self._models:
            pair = student_training.freeze_pair(
                settings, *build.pair(settings, dataset), dataset
            )
            stages = student_training.training_stages(pair, dataset, {})
            self._models[key] = {s.name: s.trainer for s in stages}
        return self._models[key]

    def _initial(self, settings, trained):
        student = next(iter(trained.values())).student
        shrink = settings.shrink
        which = f"{shrink.sections}_{'_'.join(map(str, shrink.keep))}"
        name = f"initial/{settings.init}_{which}_{settings.compute.seed}"
        return self._write_model(name, student)

    def _write_model(self, name, model):
        path = (self._folder / name).with_suffix(".npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            values = {
                f"student/{n}": v.numpy() for n, v in enumerate(model.variables)
            }
            np.savez(path, **programs.stored(values))
        return f"{name}.npz"

    def _program(self, kind, settings):
        """Returns the name of a program and whether it is new."""
        values = flatten.flatten(settings)
        # What a program holds as constants: the steps over which β falls, and
        # the seed of the draws of a mixed input.
        held = {"lit_epochs"} if settings.loss.falling_beta else set()
        held |= {"seed"} if settings.loss.section_input == "mixed" else set()
        for name in set(_VALUES) - held:
            del values[name]
        if kind != "lit":
            # These do not change the steps of KD.
            for name in ("beta", "falling_beta", "penalty", "section_input"):
                del values[name]
            if values["method"] in ("lit", "kd"):
                del values["method"]
        key = kind, json.dumps(values, default=str)
        if key in self._programs:
            return self._programs[key], False
        name = f"{kind}_{len(self._programs)}"
        self._programs[key] = name
        return name, True

    def _epoch(self, settings, stage, trainer, dataset):
        name, new = self._program(stage, settings)
        if new:
            self._write_epoch(name, trainer, getattr(settings, stage), dataset)
        return name

    def _write_epoch(self, name, trainer, phase, dataset):
        if phase.label_smoothing:
            trainer.smooth_labels(phase.label_smoothing)
        trainer.compile(optimizers.of(phase), jit_compile=True)
        programs.write_epoch(
            self._folder / name,
            trainer,
            inputs=dataset.train.inputs,
            labels=dataset.train.labels,
            batch_size=phase.batch_size,
            crop=dataset.crop,
        )

    def _accuracy(self, settings, trained, dataset):
        name, new = self._program("accuracy", settings)
        if new:
            programs.write_accuracy(
                self._folder / name,
                trained["fine_tune"].student,
                inputs=dataset.validation.inputs,
                labels=dataset.validation.labels,
            )
        return name

    def _rates_of(self, phase, schedule):
        steps = schedule.steps_per_epoch
        rates = [phase.rate(n, steps) for n in range(schedule.total_steps)]
        rates = np.array(rates, np.float32)
        key = f"{zlib.crc32(rates.tobytes()):08x}_{len(rates)}"
        self._rates[key] = rates
        return key
