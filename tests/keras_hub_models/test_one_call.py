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
    "kind", slow.all_but(["lists"], ["lists", "arrays", "a dataset"])
)
def test_texts_go_in_and_a_student_of_the_same_class_comes_out(kind):
    model = hub_model.bert()
    data = (TEXTS, LABELS)
    if kind == "a dataset":
        data = tf.data.Dataset.from_tensor_slices(data).batch(8)
    if kind == "lists":
        data = (TEXTS.tolist(), LABELS.tolist())
    result = lit_tf.compress(model, data, data, **HOW)
    # Those that the class of the model compiles it with.
    assert "sparse_categorical_accuracy" in result.facts["student"]["metrics"]
    student = result.student
    assert type(student) is type(model)
    assert student.backbone.num_layers == 1
    answers = student.predict(TEXTS[:2].tolist(), verbose=0)
    assert answers.shape == (2, 2)


def test_a_masked_language_model_is_trained_at_the_places_of_its_preprocessor():
    hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    classifier = hub_model.bert()
    preprocessor = hub.models.BertMaskedLMPreprocessor(
        classifier.preprocessor.tokenizer,
        sequence_length=8,
        mask_selection_length=3,
    )
    model = hub.models.BertMaskedLM(classifier.backbone, preprocessor)
    result = lit_tf.compress(model, TEXTS, TEXTS, **HOW)
    assert type(result.student) is type(model)
    metrics = result.facts["student"]["metrics"]
    # Keras's is weighted: places that are left empty do not count.
    weighted = metrics["sparse_categorical_accuracy"]
    assert metrics["accuracy"] == pytest.approx(weighted, rel=1e-5)
