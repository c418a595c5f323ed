"""Names of classes: in reports, and next to saved models."""

import types

import numpy as np
import pytest

from lit_tf import data
from lit_tf.data.dataset import Split
from lit_tf.experiment import class_names
from lit_tf.experiment.tasks import class_report
from lit_tf.interop import saved_model


@pytest.mark.parametrize(
    ("classes", "named"),
    [
        (("cat", "dog"), True),
        (("0", "1"), False),
        (("1", "2"), False),
        (("1", "10", "2"), True),
    ],
)
def test_numbers_in_order_are_no_names(classes, named):
    assert _dataset(classes).class_names == (classes if named else ())


def _dataset(classes):
    split = Split(np.zeros((2, 1)), np.array([0, 1]))
    return data.Dataset(
        name="d", train=split, test=split, classes=classes, stem={}, crop=None
    )


def test_the_names_are_read_from_the_run_folder_and_the_saved_model(tmp_path):
    trained = types.SimpleNamespace(class_names=("a", "b"))
    class_names.save(trained, tmp_path / "classes.json")
    asset = tmp_path / "exported" / saved_model.CLASSES
    asset.parent.mkdir(parents=True)
    asset.write_text("c\nd\n")
    for path in (tmp_path, tmp_path / "student.keras"):
        assert class_names.near(str(path)) == ("a", "b")
    assert class_names.near(str(tmp_path / "exported")) == ("c", "d")
    assert class_names.difference(str(tmp_path), trained) == ""
    other = types.SimpleNamespace(class_names=("b", "a"))
    assert class_names.difference(str(tmp_path), other) == (
        "The classes of the data are b, a; the model was trained on a, b."
    )
    (tmp_path / "classes.json").write_text('{"a": 1}')
    assert class_names.near(str(tmp_path)) == ()


def _class(name, teacher, student, examples=10):
    accuracies = {"teacher": teacher, "student": student}
    return {"class": name, "examples": examples, **accuracies}


def test_few_classes_are_all_listed():
    confused = [{"class": "a|b", "predicted": "c", "examples": 3}]
    per_class = [_class("a|b", 1.0, 0.5), _class("c", None, None, examples=0)]
    text = "\n".join(class_report.lines(per_class, confused))
    assert "50.00%" in text and "-50.00" in text and "| —" in text
    assert text.endswith("confused by the student: a\\|b taken for c (3).")


def test_of_many_classes_those_with_the_largest_loss_are_listed():
    per_class = [_class(f"class {i}", 1.0, 1 - i / 100) for i in range(30)]
    text = "\n".join(class_report.lines(per_class, []))
    assert "The 10 of 30 classes with the largest loss of accuracy:" in text
    assert "class 29" in text and "class 20" in text
    assert "class 19 " not in text and "confused" not in text
