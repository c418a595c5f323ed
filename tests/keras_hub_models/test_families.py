"""Models of KerasHub: cut, shrunk to their own class, trained by LIT."""

import families
import keras
import numpy as np
import pytest
import seeds
import slow

import lit_tf
from lit_tf import errors
from lit_tf.sections import copying, model_class

pytestmark = pytest.mark.hub
# Those of `.ci/run`: an encoder, a decoder, two models of images, and part of a
# model of two stacks.
TRIED = (
    *("BERT, text classifier", "GPT2, language model", "Gemma"),
    *("ViT", "ResNet", "Whisper, encoder"),
)


@pytest.fixture(scope="module")
def models():
    return pytest.importorskip(
        "keras_hub", reason="needs the extra [hub]"
    ).models


def _outputs(model):
    outputs = model(families.examples(model), training=False)
    return [np.asarray(one) for one in keras.tree.flatten(outputs)]


@pytest.mark.parametrize("name", slow.all_but(TRIED, families.FAMILIES))
def test_a_family_is_cut_shrunk_and_trained(models, name):
    make, blocks = families.FAMILIES[name]
    seeds.set_all(0)
    model = make(models)
    plan = lit_tf.plan(model)
    assert tuple(part.blocks for part in plan.parts[1:-1]) == blocks
    teacher = lit_tf.split(model, plan)
    for one, other in zip(_outputs(model), _outputs(teacher), strict=True):
        np.testing.assert_array_equal(one, other)

    # The weights of all blocks, copied to a new model, compute the same.
    whole = lit_tf.shrink(teacher, keep=blocks, init="teacher_blocks")
    for one, other in zip(_outputs(model), _outputs(whole), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)

    half = copying.copy_model(teacher, policy="mixed_bfloat16")
    for one, other in zip(_outputs(model), _outputs(half), strict=True):
        scale = max(1.0, np.abs(one).max())
        np.testing.assert_allclose(one, other, atol=0.1 * scale)

    student = lit_tf.shrink(teacher, keep=[2] * len(blocks))
    if name not in families.FUNCTIONAL:
        assert type(student.source) is type(model)
        assert type(half.source) is type(model)
        assert model_class.layers_of(student.source) == 2
    kinds = keras.tree.map_structure(
        lambda _: lit_tf.outputs.Values(), model.output
    )
    if keras.tree.is_nested(kinds):
        kinds = lit_tf.outputs.Several(kinds)
    trainer = lit_tf.LIT(
        teacher, student, outputs=kinds, penalty="l2_normalized"
    )
    trainer.compile(keras.optimizers.SGD(1e-3))
    x = families.examples(model, count=4)
    y = model(x, training=False)
    before = [v.numpy() for v in student.sections[0].trainable_variables]
    report = trainer.fit(x, y, batch_size=4, verbose=0).history
    assert np.isfinite([values[-1] for values in report.values()]).all()
    after = [v.numpy() for v in student.sections[0].trainable_variables]
    assert any(np.any(b != a) for b, a in zip(before, after, strict=True))


def test_a_layer_that_describes_itself_wrongly_is_refused(models):
    model = families.mit(models)
    plan = lit_tf.plan(model)
    assert [part.blocks for part in plan.parts[1:-1]] == [3, 3]
    with pytest.raises(errors.SettingsError, match="its configuration"):
        lit_tf.shrink(lit_tf.split(model, plan), keep=(2, 2))


def test_a_model_that_hands_a_tensor_from_block_to_block_is_refused(models):
    plan = lit_tf.plan(families.t5(models))
    assert not plan.cuts
    assert "at least two tensors pass everywhere" in plan.note
    assert "keras_tensor" not in plan.note


@pytest.mark.parametrize(
    "name",
    slow.all_but(
        ["BERT, text classifier"], ["BERT, text classifier", "ViT", "Llama"]
    ),
)
def test_a_student_of_a_class_is_saved_as_one(models, name, tmp_path):
    model = families.FAMILIES[name][0](models)
    student = lit_tf.shrink(model, keep=2)
    student.save(tmp_path / "student.keras")
    plain = keras.models.load_model(tmp_path / "student.keras")
    assert type(plain) is type(model)
    again = lit_tf.load(tmp_path / "student.keras")
    assert again.facts == student.facts == {"blocks": [2]}
    for same in (plain, again):
        for one, other in zip(_outputs(student), _outputs(same), strict=True):
            np.testing.assert_array_equal(one, other)
