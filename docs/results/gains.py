"""Prints what LIT gains over KD and over labels alone in each study.

Differences are paired over the seeds, with 95 % intervals from three seeds on,
in points of test accuracy, of encoders in hundredths of the cosine to the
teacher. Next to them is the cheapest method that no other was shown to beat;
labels alone are cheaper than KD, and KD is cheaper than LIT.
"""

import math
from typing import NamedTuple

from reports import gain, scores, words

BLOCKS, NEW = "the teacher's blocks", "new blocks"
HEAD = (
    "student",
    "from",
    "budget",
    "LIT − KD",
    "LIT − labels",
    "KD − labels",
    "use",
)


class Study(NamedTuple):
    """Rows of equal budget that differ in the method.

    `lit`, `kd` and `labels` are patterns of reports in `folder`, of files or of
    folders with a `report.json`. "" is a method that was not trained.
    """

    student: str
    start: str
    budget: str
    folder: str
    lit: str
    kd: str
    labels: str = ""


def vit(blocks):
    return Study(
        f"a small ViT, 8 → {blocks} blocks",
        BLOCKS,
        "6 epochs of 45,000",
        "transformers/vit/runs",
        f"lit_k2_teacher_blocks_{blocks}_seed?",
        f"kd_k2_teacher_blocks_{blocks}_seed?",
        f"labels_teacher_blocks_{blocks}_seed?",
    )


def encoder(blocks, budget, kd):
    return Study(
        f"MiniLM, encoder, 6 → {blocks} blocks",
        BLOCKS,
        budget,
        "transformers/encoder/runs",
        f"encoder_lit_{blocks}_seed?",
        f"{kd}_{blocks}_seed?",
    )


def classifier(blocks):
    return Study(
        f"MiniLM, classifier, 6 → {blocks} blocks",
        BLOCKS,
        "2 epochs of 16,317",
        "transformers/minilm/runs",
        f"polarity_lit_{blocks}_seed?",
        f"polarity_kd_{blocks}_seed?",
        f"polarity_labels_{blocks}_seed?",
    )


def small(student, name):
    return Study(
        student,
        NEW,
        "12 epochs of 10,000",
        "small_rows/runs",
        f"{name}_lit_seed?",
        f"{name}_kd_seed?",
        f"{name}_scratch_copied_seed?",
    )


def same_seconds(budget, lit, kd):
    return Study(
        "ResNet-56 → 20, CIFAR-10",
        BLOCKS,
        budget,
        "recipes/final",
        f"{lit}_seed?",
        f"{kd}_seed?",
        "labels_seed?",
    )


STUDIES = (
    Study(
        "ResNet-56 → 20, CIFAR-10",
        BLOCKS,
        "10 epochs of 50,000",
        "cifar10_10_epochs/runs",
        "lit_blocks_seed?",
        "kd_blocks_seed?",
    ),
    same_seconds("the seconds of 10 epochs of KD", "lit_20_falling_beta", "kd"),
    same_seconds(
        "the same seconds, with a cache", "lit_50_cached", "kd_cached"
    ),
    Study(
        "ResNet-56 → 20, CIFAR-10",
        NEW,
        "10 epochs of 50,000",
        "cifar10_10_epochs/runs",
        "lit_seed?",
        "kd_seed?",
        "scratch_copied_seed?",
    ),
    small("ResNet-32 → 14, CIFAR-100", "resnet14"),
    small("ResNeXt-20 → 8, CIFAR-100", "resnext8"),
    Study(
        "a slim ResNet50V2, half of its blocks",
        BLOCKS,
        "3 epochs of 45,000",
        "own_model_defaults/runs",
        "lit_fifth_3_epochs_seed?",
        "kd_3_epochs_seed?",
        "labels_3_epochs_seed?",
    ),
    Study(
        "a slim ResNet50V2, half of its blocks",
        BLOCKS,
        "8 epochs of 45,000",
        "your_own_model/runs",
        "lit_0.05",
        "kd",
    ),
    Study(
        "a slim MobileNetV2, one block of three",
        BLOCKS,
        "10 epochs of 45,000",
        "your_own_model/mobilenetv2",
        "lit",
        "kd",
        "scratch_copied",
    ),
    vit(4),
    vit(2),
    Study(
        "… of a teacher that was trained too short",
        BLOCKS,
        "6 epochs of 45,000",
        "transformers/weak_teacher/runs",
        "lit_k1_teacher_blocks_2_seed?",
        "kd_teacher_blocks_2_seed?",
        "labels_teacher_blocks_2_seed?",
    ),
    encoder(3, "2 epochs of 16,317", "encoder_kd"),
    encoder(3, "the same FLOPs", "encoder_kd_flops"),
    encoder(2, "2 epochs of 16,317", "encoder_kd"),
    encoder(2, "the same FLOPs", "encoder_kd_flops"),
    classifier(3),
    classifier(2),
    Study(
        "VDCNN-17 → 9, reviews",
        NEW,
        "12 epochs of 18,130",
        "reviews_cpu",
        "lit_seed?.json",
        "kd_seed?.json",
        "scratch_seed?.json",
    ),
)


def advice(lit_kd, lit_labels, kd_labels):
    """Returns the cheapest method that no other was shown to beat."""
    if lit_kd[2] == math.inf:
        return "not decided"
    lit_beats_kd, *beats_labels = (
        gain is not None and gain[1] > 0
        for gain in (lit_kd, lit_labels, kd_labels)
    )
    if kd_labels is not None and not any(beats_labels):
        return "labels alone"
    return "LIT" if lit_beats_kd else "KD"


def main():
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for study in STUDIES:
        lit, kd, labels = (
            scores(study.folder, pattern)
            for pattern in (study.lit, study.kd, study.labels)
        )
        gains = gain(lit, kd), gain(lit, labels), gain(kd, labels)
        cells = *study[:3], *map(words, gains), advice(*gains)
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
