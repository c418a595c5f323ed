"""Accuracies published by the authors of LIT.

They are from the authors' workshop paper and were read from its vector figure.
They are presumably single runs, each at its best epoch on the test split.
"""

# The students' depths, ascending; the last one is the teacher's.
DEPTHS = {
    "resnet": (20, 32, 44, 56, 110),
    "resnext": (20, 32, 44, 56, 110),
    "vdcnn": (9, 17, 29),
}
# Dataset and family → method → test accuracy in %, for each depth.
CIFAR = {
    ("cifar10", "resnet"): {
        "scratch": (91.73, 92.63, 93.10, 93.39, 93.68),
        "KD": (92.75, 93.29, 93.73, 93.87, 94.11),
        "hint": (92.46, 93.13, 93.66, 93.79, 94.16),
        "LIT": (93.25, 93.92, 94.19, 94.51, 94.59),
    },
    ("cifar10", "resnext"): {
        "scratch": (93.52, 94.08, 94.19, 94.23, 94.61),
        "KD": (94.42, 94.80, 94.90, 95.14, 95.19),
        "hint": (94.39, 94.71, 94.79, 95.11, 95.25),
        "LIT": (94.72, 95.12, 95.16, 95.46, 95.27),
    },
    ("cifar100", "resnet"): {
        "scratch": (69.48, 71.97, 72.36, 72.96, 74.43),
        "KD": (71.83, 74.31, 74.96, 75.24, 75.36),
        "hint": (71.74, 74.20, 74.78, 75.18, 75.51),
        "LIT": (72.60, 74.98, 75.34, 75.68, 75.73),
    },
    ("cifar100", "resnext"): {
        "scratch": (72.99, 74.68, 75.54, 75.86, 76.53),
        "KD": (74.74, 76.96, 77.64, 78.14, 75.25),
        "hint": (74.69, 76.83, 77.58, 78.07, 78.61),
        "LIT": (74.99, 77.12, 77.70, 78.28, 79.11),
    },
}
AMAZON = {
    ("amazon_full", "vdcnn"): {
        "scratch": (62.25, 62.90, 63.03),
        "KD": (62.44, 63.32, 63.48),
        "hint": (62.51, 63.37, 63.55),
        "LIT": (62.69, 63.50, 63.79),
    },
    ("amazon_polarity", "vdcnn"): {
        "scratch": (95.48, 95.84, 95.92),
        "KD": (95.45, 95.89, 95.82),
        "hint": (95.50, 95.91, 95.80),
        "LIT": (95.66, 95.99, 96.09),
    },
}


def of(dataset: str, student: str) -> dict[str, float]:
    """Returns the published accuracies of a student.

    Args:
        dataset: the name of a dataset, such as "cifar10".
        student: the name of an architecture, such as "resnet20".

    Returns:
        Test accuracies in %, by method; empty if none were published.
    """
    family = student.rstrip("0123456789")
    depth = student.removeprefix(family)
    known = (CIFAR | AMAZON).get((dataset, family), {})
    if not known or not depth or int(depth) not in DEPTHS[family]:
        return {}
    column = DEPTHS[family].index(int(depth))
    return {method: values[column] for method, values in known.items()}
