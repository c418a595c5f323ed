"""Writes the study of budgets as jobs for an accelerator.

    python docs/results/budgets/write_jobs.py DATA_DIR RESNET56.keras FOLDER
    python tools/accelerator/run.py FOLDER

The published ResNet-56 teaches a ResNet-20 on CIFAR-10, by LIT and by KD, from
new blocks and from the teacher's, in 2, 5, 10, 20 and 40 epochs. Learning rates
are chosen by trials of 10 epochs, with seed 0, on a tenth of the training
images. Only 13 of the 17 trials have been run so far (`trials.jsonl`).
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tools/accelerator"))

from job_writer import JobWriter

# The settings of the recipe cifar10_10_epochs.
COMMON = {
    "dataset": "cifar10",
    "validation_fraction": 0.0,
    "teacher": "resnet56",
    "student": "resnet20",
    "dtype": "mixed_bfloat16",
    "penalty": "l2",
    "alpha": 0.95,
    "temperature": 6.0,
    "beta": 0.75,
    "lit_batch_size": 128,
    "lit_weight_decay": 2e-4,
    "lit_milestones": (),
    "lit_linear_decay": 1.0,
    "fine_tune_batch_size": 128,
    "fine_tune_weight_decay": 1e-4,
    "fine_tune_milestones": (),
    "fine_tune_linear_decay": 1.0,
}
VALIDATION = 0.1
# The learning rates that are tried: that of KD, or those of both phases.
RATES = {
    ("kd", "fresh"): [(0.05,), (0.1,), (0.2,)],
    ("kd", "teacher_blocks"): [(0.02,), (0.05,), (0.1,), (0.2,)],
    ("lit", "fresh"): [(0.05, 0.05), (0.1, 0.05), (0.05, 0.1), (0.1, 0.1)],
    ("lit", "teacher_blocks"): [
        (0.025, 0.02),
        (0.025, 0.05),
        (0.05, 0.05),
        (0.025, 0.1),
        (0.05, 0.1),
        (0.1, 0.1),
    ],
}
# Epochs and seeds, those that tell most first.
BUDGETS = [
    (10, (0, 1, 2)),
    (5, (0, 1, 2)),
    (2, (0, 1, 2)),
    (20, (0,)),
    (40, (0,)),
    (20, (1, 2)),
    (40, (1, 2)),
]


def phases(method, epochs, rates):
    """Returns the settings of a run with so many epochs in all.

    LIT has two phases of half the epochs; KD has one.
    """
    first = round(epochs / 2) if method == "lit" else 0
    return {
        "method": method,
        "lit_epochs": first,
        "lit_learning_rate": rates[0],
        "fine_tune_epochs": epochs - first,
        "fine_tune_learning_rate": rates[-1],
    }


def trial(method, init, rates):
    return f"trial_{method}_{init}_{'_'.join(map(str, rates))}"


def add_trials(writer):
    """Adds the runs that choose learning rates on validation."""
    for (method, init), choices in RATES.items():
        for rates in choices:
            settings = writer.settings(
                init=init,
                validation_fraction=VALIDATION,
                **phases(method, 10, rates),
            )
            name = trial(method, init, rates)
            writer.add(name, settings, keep=False)


def add_runs(writer):
    """Adds the runs whose students are tested.

    Every rate of the trials has its runs; those of the best are trained.
    """
    for epochs, seeds in BUDGETS:
        for seed in seeds:
            for (method, init), choices in RATES.items():
                trials = [trial(method, init, rates) for rates in choices]
                for best, rates in zip(trials, choices, strict=True):
                    writer.add(
                        f"{method}_{init}_{epochs}_seed{seed}",
                        writer.settings(
                            init=init,
                            seed=seed,
                            **phases(method, epochs, rates),
                        ),
                        among=trials,
                        best=best,
                    )


def main():
    data_dir, teacher, folder = sys.argv[1:]
    common = COMMON | {"data_dir": data_dir, "teacher_weights": teacher}
    writer = JobWriter(pathlib.Path(folder), common)
    add_trials(writer)
    add_runs(writer)
    writer.close()
    writer.write_data(VALIDATION)


if __name__ == "__main__":
    main()
