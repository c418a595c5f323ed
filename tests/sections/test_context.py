"""Models whose sections read context: masks, positions, further inputs."""

import warnings

import keras
import numpy as np
import pytest
import seeds
import slow
from contextual import (
    LENGTH,
    MODELS,
    WIDTH,
    Either,
    Noisy,
    attend,
    composite,
    examples,
    explicit_mask,
    ids_input,
    implicit_mask,
    outputs_of,
    pooled,
    recorded_mask,
)

import lit_tf
from lit_tf import errors
from lit_tf.sections import block_search, copying, model_files
from lit_tf.sections.context import divide
from lit_tf.sections.functional import read_graph
from lit_tf.teacher import frozen


@pytest.mark.parametrize(
    "make",
    slow.all_but(
        [one for one in MODELS if one not in (explicit_mask, implicit_mask)],
        MODELS,
    ),
)
def test_a_model_with_context_is_cut_shrunk_and_saved(make, tmp_path):
    model = make()
    plan = lit_tf.plan(model)
    assert [part.blocks for part in plan.parts[1:-1]] == [3]
    cut = lit_tf.split(model, plan)
    np.testing.assert_array_equal(outputs_of(cut), outputs_of(model))
    assert {id(v) for v in cut.variables} == {id(v) for v in model.variables}
    # All blocks of the teacher are the teacher.
    whole = lit_tf.shrink(cut, keep=3, init="teacher_blocks")
    np.testing.assert_allclose(outputs_of(whole), outputs_of(model), atol=1e-6)
    half = lit_tf.shrink(cut, keep=1, init="teacher_blocks")
    assert half.count_params() < cut.count_params()
    assert outputs_of(half).shape == outputs_of(model).shape
    model_files.save(half, tmp_path / "half.keras")
    again = lit_tf.load(tmp_path / "half.keras")
    assert len(again.sections) == 1 and again.reads == half.reads
    np.testing.assert_array_equal(outputs_of(again), outputs_of(half))
    copy = copying.copy_model(cut)
    np.testing.assert_allclose(outputs_of(copy), outputs_of(model), atol=1e-6)


@pytest.mark.parametrize("make", MODELS)
def test_a_model_with_context_is_cut_by_hand(make):
    model = make()
    graph = read_graph(model)
    (row,) = block_search.find_blocks_in_graph(graph).rows
    ends = [row.blocks[0].start, *(block.end for block in row.blocks)]
    cut = lit_tf.split(model, [graph.names[number] for number in ends])
    assert len(cut.sections) == 3
    np.testing.assert_array_equal(outputs_of(cut), outputs_of(model))


@pytest.mark.parametrize(
    "make",
    slow.all_but(
        [implicit_mask], [explicit_mask, implicit_mask, recorded_mask]
    ),
)
def test_a_penalty_is_the_mean_over_real_positions(make):
    model = make()
    x = examples(model)
    seeds.set_all(1)
    teacher = lit_tf.split(model, lit_tf.plan(model))
    student = lit_tf.shrink(teacher, keep=1)
    trainer = lit_tf.LIT(teacher, student)
    # One of the models is traced.
    trainer.compile("sgd", run_eagerly=make is not implicit_mask)
    y = np.arange(4) % 3
    report = trainer.evaluate(x, y, verbose=0, return_dict=True)

    ids = x["ids"] if isinstance(x, dict) else x
    real = (ids > 0)[..., np.newaxis]
    ends = []
    for one in (teacher, student):
        *ends_of_one, _ = frozen.freeze(one)(x, training=False)
        ends.append(np.asarray(ends_of_one[1]))
    squares = np.mean(np.square(ends[0] - ends[1]), -1, keepdims=True)
    by_example = (squares * real).sum((1, 2)) / real.sum((1, 2))
    name = "section_1/penalty_teacher_fed"
    np.testing.assert_allclose(report[name], by_example.mean(), rtol=1e-4)
    assert trainer.fit(x, y, verbose=0).history["ir"][0] > 0


def test_parts_take_masks_without_a_warning_and_others_warn():
    x = keras.Input((LENGTH, WIDTH))
    other = keras.Model(x, keras.ops.sum(x, 1), name="head")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Layer .* was passed an")
        cut = lit_tf.split(recorded_mask(), lit_tf.plan(recorded_mask()))
        x = examples(cut)
        masked, context = divide(cut.stem(x))
        section, head = cut.bind(context)
        assert masked._keras_mask is not None
        assert getattr(head(section(masked)), "_keras_mask", None) is None
        trainer = lit_tf.LIT(cut, lit_tf.shrink(cut, keep=1))
        trainer.compile("sgd")
        trainer.fit(x, np.arange(len(x)) % 3, verbose=0)
    with pytest.warns(UserWarning, match="'head' .* was passed an input with"):
        other(divide(cut.stem(x))[0])


def test_a_cached_teacher_gives_the_same_terms_with_a_mask():
    model = implicit_mask()
    x = examples(model)
    teacher = lit_tf.split(model, lit_tf.plan(model))
    trainer = lit_tf.LIT(teacher, lit_tf.shrink(teacher, keep=1))
    live = frozen.teacher_outputs(trainer.frozen, x)
    plain = {k: np.asarray(T) for k, T in live.representations.items() if k}
    cached = frozen.TeacherBatch(
        x,
        {k: keras.ops.convert_to_tensor(T) for k, T in plain.items()},
        keras.ops.convert_to_tensor(np.asarray(live.output)),
    )
    y = keras.ops.convert_to_tensor(np.arange(4) % 3)
    expected, _ = trainer.terms(x, y, training=False)
    terms, _ = trainer.terms(cached, y, training=False)
    for name, values in expected.items():
        np.testing.assert_allclose(terms[name], values, rtol=1e-5, err_msg=name)


def test_a_layer_with_weights_that_its_blocks_lack_stays_closed():
    plan = lit_tf.plan(composite(extra=True))
    assert not plan.cuts
    assert plan.note == (
        "The layers that 'encoder' runs cannot be left out, because it has "
        "weights that the layers in it do not have."
    )


def test_a_layer_that_differs_in_training_stays_closed():
    plan = lit_tf.plan(composite(Noisy))
    assert not plan.cuts
    assert "because it runs other layers in training" in plan.note
    plan = lit_tf.plan(composite(activity_regularizer="l2"))
    assert not plan.cuts
    assert "because it has a regularizer of its own" in plan.note


def test_each_call_of_a_composite_layer_is_opened_by_itself():
    def make():
        x = inputs = keras.Input((LENGTH, 3), name="steps")
        x = keras.layers.Dense(WIDTH, activation="relu", name="first")(x)
        encoder = Either(name="encoder")
        return pooled(encoder(encoder(x), reverse=True), inputs)

    model, other = make(), make()
    plan = lit_tf.plan(model)
    cut = lit_tf.split(model, plan)
    np.testing.assert_array_equal(outputs_of(cut), outputs_of(model))
    # Keras numbers operations in each process; names of cuts do not change.
    assert lit_tf.plan(other).cuts == plan.cuts


@pytest.mark.parametrize("make", MODELS)
def test_sections_have_the_blocks_of_the_whole(make):
    model = make()
    for count in (2, 3):
        parts = lit_tf.plan(model, sections=count).parts[1:-1]
        assert sum(part.blocks for part in parts) == 3


def test_a_mask_that_is_added_to_scores_is_no_padding_mask():
    def make(dtype):
        ids, mask = (
            ids_input(),
            keras.Input((LENGTH,), dtype=dtype, name="padding"),
        )
        x = keras.layers.Embedding(9, WIDTH, name="table")(ids)
        for j in range(2):
            x = attend(x, f"block_{j}", attention_mask=mask[:, None])
        model = pooled(x, {"ids": ids, "padding": mask})
        return lit_tf.split(model, lit_tf.plan(model))

    assert make("bool").padding_mask is not None
    assert make("float32").padding_mask is None


def test_sections_share_out_the_blocks_of_a_teacher():
    model = implicit_mask()
    plan = lit_tf.plan(model, sections=2)
    assert [part.blocks for part in plan.parts[1:-1]] == [2, 1]
    assert "end in block_0_out, block_1_out" in str(plan)
    student = lit_tf.shrink(model, compression=1.4, of="parameters", sections=2)
    assert student.facts["blocks"] == [1, 1]
    with pytest.raises(errors.SettingsError, match="at least 1, .* at most 3"):
        lit_tf.plan(model, sections=4)


@pytest.mark.slow
def test_embeddings_need_no_labels():
    model = implicit_mask()
    teacher = lit_tf.split(model, lit_tf.plan(model))
    student = lit_tf.shrink(teacher, keep=1)
    x = examples(model, count=32)
    y = model(x)
    for trainer_class in (lit_tf.LIT, lit_tf.Distill):
        kind = lit_tf.outputs.Embeddings()
        trainer = trainer_class(teacher, student, outputs=kind)
        trainer.compile("adam", run_eagerly=True)
        trainer.fit(x, epochs=2, verbose=0)
        report = trainer.evaluate(x, verbose=0, return_dict=True)
    cosine = keras.losses.cosine_similarity(y, student(x))
    np.testing.assert_allclose(
        report["soft"], 1 + np.mean(cosine), rtol=1e-4, atol=1e-6
    )
    assert "hard" not in report and "accuracy" not in report
    with pytest.raises(errors.SettingsError, match="cosine, l2"):
        lit_tf.outputs.Embeddings(distance="angle")
    with pytest.raises(errors.SettingsError, match="without `metrics`"):
        trainer.compile("adam", metrics=["accuracy"])
    with pytest.raises(errors.SettingsError, match="no weights"):
        trainer.fit(x, sample_weight=np.ones(32))


class Dilated(keras.Model):
    """A class with a number of layers, each with a dilation of its own."""

    def __init__(self, num_layers, dilated=True, **kwargs):
        x = inputs = keras.Input((LENGTH, WIDTH), name="steps")
        for j in range(num_layers):
            y = keras.layers.Conv1D(
                WIDTH,
                3,
                padding="same",
                dilation_rate=2**j if dilated else 1,
                name=f"conv_{j}",
            )(x)
            x = keras.layers.Add(name=f"add_{j}")([x, y])
        super().__init__(inputs, x, **kwargs)
        self.settings = {"num_layers": num_layers, "dilated": dilated}

    def get_config(self):
        return {"name": self.name} | self.settings

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@pytest.mark.parametrize("dilated", [True, False])
def test_a_student_is_of_its_teachers_class_if_its_blocks_are(dilated):
    model = Dilated(4, dilated)
    student = lit_tf.shrink(model, keep=2, init="teacher_blocks")
    assert isinstance(student.source, Dilated) != dilated
    assert isinstance(student.origin, Dilated)
    kept = [model.get_layer(f"conv_{j}") for j in (0, 3)]
    x = examples(model)
    expected = x
    for layer in kept:
        expected = expected + layer(expected)
    np.testing.assert_allclose(student(x), expected, atol=1e-5)
