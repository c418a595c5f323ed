"""The key of a cache: what the outputs of a teacher depend on."""

import dataclasses

import numpy as np
import pytest
import slow
from cached import opened, settings

from lit_tf import config, data, models
from lit_tf.data import crops
from lit_tf.methods import lit
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher import cache
from lit_tf.teacher.frozen import freeze

pytestmark = pytest.mark.usefixtures("small_family")


def test_a_second_run_does_not_run_the_teacher(
    model, digits, tmp_path, monkeypatch, capsys
):
    first = opened(model, digits, tmp_path)
    assert "views of 250 training examples and 1 view of 144" in (
        capsys.readouterr().out
    )
    monkeypatch.setattr(cache.TeacherCache, "_fill", pytest.fail)
    second = opened(model, digits, tmp_path)
    assert "found in" in capsys.readouterr().out
    for k, array in first.train.representations.items():
        np.testing.assert_array_equal(array, second.train.representations[k])


def _other_weights(model, digits):
    other = models.get("small10")(**digits.form)
    student = models.get("small6")(**digits.form)
    return lit.LIT(other, student), digits, {}


def _other_normalization(model, digits):
    form = digits.form | {"mean": (1.0,)}
    other = models.get("small10")(**form)
    other.set_weights(model.teacher.get_weights())
    return lit.LIT(other, models.get("small6")(**form)), digits, {}


def _other_data(model, digits):
    inputs = digits.train.inputs.copy()
    inputs[0, 0, 0] += 1
    split = data.Split(inputs, digits.train.labels)
    # A new object: a dataset remembers its fingerprint.
    return model, dataclasses.replace(digits, train=split), {}


def _other_augmentation(model, digits):
    return model, dataclasses.replace(digits, crop=crops.Crop(pad=1)), {}


def _other_dtype(model, digits):
    student = models.get("small6")(**digits.form)
    return lit.LIT(model.teacher, student, teacher_dtype="bfloat16"), digits, {}


def _other_seed(model, digits):
    return model, digits, {"compute": config.Compute(seed=1)}


def _other_views(model, digits):
    frozen = config.Frozen(teacher_cache="disk", teacher_cache_views=1)
    return model, digits, {"frozen": frozen}


@pytest.mark.parametrize(
    "other",
    slow.all_but(
        [_other_weights, _other_data, _other_dtype],
        [
            _other_weights,
            _other_normalization,
            _other_data,
            _other_augmentation,
            _other_dtype,
            _other_seed,
            _other_views,
        ],
    ),
)
def test_a_cache_of_other_settings_is_not_used(
    model, digits, tmp_path, other, capsys
):
    opened(model, digits, tmp_path)
    one, split, changes = other(model, digits)
    capsys.readouterr()
    opened(one, split, tmp_path, **changes)
    assert "Filling it takes about" in capsys.readouterr().out


def test_other_sections_of_the_same_teacher_have_another_key(
    model, digits, tmp_path
):
    # The same layers and weights, divided into other sections.
    def keys(whole):
        store = cache.TeacherCache(
            whole,
            freeze(whole),
            digits,
            settings(tmp_path).frozen,
            seed=0,
            folder=str(tmp_path),
            epochs=4,
        )
        return store._parts["train"].key

    whole = model.teacher
    first, second = whole.sections
    moved = SectionedModel(
        whole.stem,
        [first],
        whole.head.__class__(
            second.input, whole.head(second.output), name="head"
        ),
    )
    assert keys(whole) != keys(moved)
