"""From somebody's model to a SavedModel, where `teacher.py` has left both."""

import numpy as np

import lit_tf

model = lit_tf.logits(lit_tf.load("my_model.keras"))
images = np.load("my_images.npz")
teacher = lit_tf.split(model, lit_tf.plan(model).cuts)
student = lit_tf.shrink(teacher, compression=2, init="teacher_blocks")
for phase, rate in (
    (lit_tf.LIT(teacher, student), 0.025),
    (lit_tf.Distill(teacher, student), 0.02),
):
    phase.compile(lit_tf.SGD(rate, momentum=0.9, weight_decay=1e-4))
    phase.fit(
        images["x_train"],
        images["y_train"],
        batch_size=128,
        epochs=2,
        verbose=2,
    )
phase.evaluate(images["x_test"], images["y_test"], verbose=2)
student.export("saved_model")
