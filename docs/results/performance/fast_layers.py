"""What a user's model gains from faster layers in training steps.

    python docs/results/performance/fast_layers.py MobileNetV2 float32
    python docs/results/performance/fast_layers.py MODEL.keras mixed_bfloat16

times steps of a model of `keras.applications` at 64 px, or of a model in a
file, with Keras's layers, with faster ones in the student, and in the frozen
teacher too. Batch 32, compression 2. All run in turn in one process. The
seconds are those of the processor in all threads, which another program on the
machine changes less than the time on the clock. A ratio is the median of the
ratios of single rounds.
"""

import argparse
import pathlib
import statistics
import time

import keras
import numpy as np
import tensorflow as tf

import lit_tf
from lit_tf.benchmark import random_data
from lit_tf.sections import copying, shrink

SIZE, BATCH, CLASSES, WARM_UP = 64, 32, 10, 3
LENGTH = 128  # Of a text.


class OfStudent(lit_tf.LIT):
    """LIT with the layers of Keras in the frozen teacher."""

    models_of_a_step = property(lambda self: [self.student])


class OfStudentByKD(lit_tf.Distill):
    """KD with the layers of Keras in the frozen teacher."""

    models_of_a_step = property(lambda self: [self.student])


def step_of(kind, teacher, batches, policy, fast):
    """Returns a function that takes a step of a trainer."""
    student = shrink.shrink(teacher, compression=2.0)
    if policy != "float32":
        student = copying.copy_model(student, policy=policy)
    models = (student,) if kind is lit_tf.Teach else (teacher, student)
    trainer = kind(*models)
    trainer.fast_layers = fast
    trainer.compile(lit_tf.SGD(0.01, momentum=0.9), jit_compile=False)
    trainer.make_train_function()
    batches = iter(batches)
    return lambda: float(trainer.train_function(batches)["loss"])


def of_applications(name):
    """Returns a model with new weights, and a batch."""
    model = getattr(keras.applications, name)(
        weights=None,
        input_shape=(SIZE, SIZE, 3),
        classes=CLASSES,
        classifier_activation=None,
    )
    # The statistics of BatchNorm become those of two images.
    images = np.random.default_rng(0).normal(size=(BATCH, SIZE, SIZE, 3))
    images = tf.constant(images, tf.float32)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images[:2], training=True)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.99
    return model, (images, tf.range(BATCH) % CLASSES)


def of_file(path):
    """Returns a classifier of a file, and a random batch in its form."""
    model = random_data.sized(keras.models.load_model(path), LENGTH)
    split = random_data.of_model(
        model, examples=BATCH, batch_size=BATCH, seed=0
    ).train
    inputs = keras.tree.map_structure(tf.constant, split.read(0, BATCH))
    return model, (inputs, tf.constant(split.labels))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("policy")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    is_file = arguments.model.endswith(".keras")
    made = (of_file if is_file else of_applications)(arguments.model)
    model, batch = made
    teacher = shrink.with_sections(model)
    batches = tf.data.Dataset.from_tensors(batch).repeat()
    ways = {
        ("labels", "keras"): (lit_tf.Teach, False),
        ("labels", "faster"): (lit_tf.Teach, True),
        ("LIT", "keras"): (lit_tf.LIT, False),
        ("LIT", "student faster"): (OfStudent, True),
        ("LIT", "faster"): (lit_tf.LIT, True),
        ("KD", "keras"): (lit_tf.Distill, False),
        ("KD", "student faster"): (OfStudentByKD, True),
        ("KD", "faster"): (lit_tf.Distill, True),
    }
    steps = {
        way: step_of(kind, teacher, batches, arguments.policy, fast)
        for way, (kind, fast) in ways.items()
    }
    seconds = {way: ([], []) for way in ways}
    for turn in range(WARM_UP + arguments.rounds):
        for way, step in steps.items():
            clock, processor = time.perf_counter(), time.process_time()
            step()
            spent = (
                time.perf_counter() - clock,
                time.process_time() - processor,
            )
            if turn >= WARM_UP:
                for times, one in zip(seconds[way], spent, strict=True):
                    times.append(one)
    print(
        f"{pathlib.Path(arguments.model).stem}, {arguments.policy}, "
        f"{f'at most {LENGTH} token ids' if is_file else f'{SIZE} px'}, "
        f"batch {BATCH}, compression 2, {arguments.rounds} rounds"
    )
    print(f"{'':22}{'ms':>9}{'ratio':>8}{'processor ms':>15}{'ratio':>8}")
    for way, measured in seconds.items():
        line = f"{' '.join(way):22}"
        for times, before, width in zip(
            measured, seconds[way[0], "keras"], (9, 15), strict=True
        ):
            ratios = [a / b for a, b in zip(before, times, strict=True)]
            line += f"{1000 * statistics.median(times):{width}.0f}"
            line += f"{statistics.median(ratios):8.2f}"
        print(line)


if __name__ == "__main__":
    main()
