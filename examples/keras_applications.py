"""Compresses a model of `keras.applications`: the steps of LIT in Python.

    python examples/keras_applications.py

The images are random and the teacher is not trained, so that the script takes
seconds. For real use, load weights and data, and train for more epochs.
"""

import keras
import numpy as np

import lit_tf

SIZE, CLASSES = 32, 4


def examples(count, seed):
    """Returns images `[count, SIZE, SIZE, 3]` in bytes, and class numbers."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    return images, random.integers(0, CLASSES, count)


def network():
    """Returns VGG16 with a new head. It reads raw pixels."""
    inputs = keras.Input((SIZE, SIZE, 3))
    pixels = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    base = keras.applications.VGG16(
        input_tensor=pixels, include_top=False, pooling="avg", weights=None
    )
    outputs = keras.layers.Dense(CLASSES, activation="softmax")(base.output)
    return keras.Model(inputs, outputs, name="vgg16")


def main():
    """Cuts the model, makes a student, trains and saves it."""
    model = lit_tf.logits(network())  # Removes the softmax.
    plan = lit_tf.plan(model)
    print(plan)

    teacher = lit_tf.split(model, plan.cuts)
    student = lit_tf.shrink(teacher, compression=1.5, init="teacher_blocks")
    print(
        f"parameters: {teacher.count_params():,} → {student.count_params():,}"
    )

    images, labels = examples(32, seed=0)
    for phase, rate in (
        (lit_tf.LIT(teacher, student), 0.05),
        (lit_tf.Distill(teacher, student), 0.01),
    ):
        phase.compile(lit_tf.SGD(rate, momentum=0.9, weight_decay=1e-4))
        phase.fit(images, labels, batch_size=16, epochs=1, verbose=2)
    phase.evaluate(*examples(16, seed=1), verbose=2)
    student.save("student.keras")


if __name__ == "__main__":
    main()
