"""`lit_tf.compress` on a task model of KerasHub, with texts as they are."""

import hub_model
import numpy as np
import pytest
import slow
import tensorflow as tf

import lit_tf

pytestmark = pytest.mark.hub

TEXTS = np.array(["good film", "bad plot", "dull actor", "good plot"] * 6)
LABELS = np.array([1, 0, 0, 1] * 6)
HOW = {"keep": 1, "epochs": 1, "min_teacher_accuracy": 0}


@pytest.mark.parametrize(
    "kind", slow.all_but(["arrays"], ["arrays", "a dataset"])
)
def test_texts_go_in_and_a_student_of_the_same_class_comes_out(kind):
    model = hub_model.bert()
    data = (TEXTS, LABELS)
    if kind == "a dataset":
        data = tf.data.Dataset.from_tensor_slices(data).batch(8)
    student = lit_tf.compress(model, data, data, **HOW).student
    assert type(student) is type(model)
    assert student.backbone.num_layers == 1
    answers = student.predict(TEXTS[:2].tolist(), verbose=0)
    assert answers.shape == (2, 2)
