"""The CIFAR experiments of LIT's paper: recipes generated from one table.

The accuracies are those in `lit_tf/comparison/published_results.py`.
"""

import textwrap
from collections.abc import Iterator

from lit_tf.comparison import published_results

_TEACHER = 110
_TITLES = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "resnet": "ResNet",
    "resnext": "ResNeXt",
}
_SETTINGS = """\
--teach_epochs=200
--teach_batch_size=128
--teach_learning_rate=0.1
--teach_weight_decay=1e-4
--teach_milestones=100,150
--teach_warmup_epochs=1
--penalty=l2
--alpha=0.95
--temperature=6
--beta=0.75
# The published code minimises ½·L at .1 with 1e-4: as L at .05 with 2e-4.
--lit_epochs=175
--lit_batch_size=32
--lit_learning_rate=0.05
--lit_weight_decay=2e-4
--lit_milestones=100
--fine_tune_epochs=125
--fine_tune_batch_size=32
--fine_tune_learning_rate=0.01
--fine_tune_weight_decay=1e-4
--fine_tune_milestones=55
"""
# LIT's paper gives one set of settings for CIFAR, and code only for ResNets.
_NOTES = {
    "resnet": "",
    "resnext": (
        "The settings are those published for ResNets. The paper does not "
        "state width and cardinality: those used here are our choice."
    ),
}

# Recipes whose time a dry run has estimated (`docs/results/dry_run`).
_ESTIMATES = {
    "cifar10_resnet110_to_resnet20": (
        "Not run; estimate: 23.5 h on two CPU cores for ResNet-20 "
        "(lit-compress --dry_run), longer for deeper students."
    ),
}


def recipes() -> dict[str, str]:
    """Returns the flagfiles of the paper's CIFAR experiments, by name."""
    return dict(_recipes())


def _recipes() -> Iterator[tuple[str, str]]:
    for dataset, family in published_results.CIFAR:
        for depth in published_results.DEPTHS[family]:
            teacher = f"{family}{_TEACHER}"
            student = f"{family}{depth}"
            name = f"{dataset}_{teacher}_to_{student}"
            yield (
                name,
                f"{_header(name, dataset, family, depth)}"
                f"--dataset={dataset}\n"
                f"--teacher={teacher}\n"
                f"--student={student}\n"
                f"{_SETTINGS}",
            )


def _header(name, dataset, family, depth):
    title = _TITLES[family]
    student = published_results.of(dataset, f"{family}{depth}")
    teacher = published_results.of(dataset, f"{family}{_TEACHER}")
    about = (
        f"{_ESTIMATES.get(name, 'Not run; it needs a GPU.')} Published "
        f"test accuracies: LIT {student['LIT']:.2f} %, "
        f"KD {student['KD']:.2f} %, hint {student['hint']:.2f} %, "
        f"from scratch {student['scratch']:.2f} %, "
        f"teacher {teacher['scratch']:.2f} %. They were read from the vector "
        "figure of the authors' workshop paper and are presumably single runs "
        "at their best epoch, chosen on the test split. This recipe chooses "
        "the best epoch on 5,000 validation images. "
        f"{_NOTES[family]}"
    )
    lines = [
        f"{title}-{_TEACHER} → {title}-{depth} on {_TITLES[dataset]}, with the "
        "paper's settings.",
        "",
        f"  lit-compress --recipe={name} --data_dir=DIR",
        "",
        *textwrap.wrap(about, 78, break_on_hyphens=False),
    ]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)
