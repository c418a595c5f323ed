"""Writes CIFAR-10 with half of its test images as validation images.

    python docs/results/recipes/split.py CIFAR10_DIR OUT.npz

A published teacher has seen all training images, and a student that starts from
its blocks remembers them: a tenth of them would not tell how well a student
recognizes new ones.
"""

import sys

import numpy as np

from lit_tf import config, data

cifar10 = data.load(
    config.Data(dataset="cifar10", validation_fraction=0.0),
    data_dir=sys.argv[1],
)
half = len(cifar10.test) // 2
np.savez(
    sys.argv[2],
    x_train=cifar10.train.inputs,
    y_train=cifar10.train.labels,
    x_val=cifar10.test.inputs[:half],
    y_val=cifar10.test.labels[:half],
    x_test=cifar10.test.inputs[half:],
    y_test=cifar10.test.labels[half:],
)
