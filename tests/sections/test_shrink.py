"""Students that are their teachers with fewer blocks."""

import itertools

import keras
import numpy as np
import pytest
import seeds
import slow
from home_made import recurrent, residual_rows

import lit_tf
from lit_tf import errors
from lit_tf.sections import (
    block_costs,
    block_search,
    compatibility,
    cost,
    initial_weights,
    model_files,
    shrink,
)


def _home_made():
    """Returns a user's model: two rows of four residual blocks."""
    seeds.set_all(0)
    x = image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(x)
    x = residual_rows(x, blocks=4)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(
        image, keras.layers.Dense(3, name="dense")(x), name="home_made"
    )


def test_evenly_spaced_blocks_are_kept_and_shapes_agree():
    teacher = shrink.with_sections(_home_made())
    student = lit_tf.shrink(teacher, keep=(2, 3))
    assert student.name == "home_made_2_3"
    compatibility.check_alike(teacher, student)
    compatibility.check_apart(teacher, student)
    kept = [
        [layer.name for layer in section.layers if layer.name.endswith("_conv")]
        for section in student.sections
    ]
    assert kept == [
        ["row0_0_conv", "row0_3_conv"],
        ["row1_0_conv", "row1_2_conv", "row1_3_conv"],
    ]


def test_a_student_with_all_blocks_and_weights_equals_the_teacher():
    model = _home_made()
    student = lit_tf.shrink(model, keep=(4, 4), init="teacher_blocks")
    x = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 3))
    np.testing.assert_array_equal(model(x), student(x))
    fresh = lit_tf.shrink(model, keep=(4, 4))
    assert not np.array_equal(model(x), fresh(x))


@pytest.mark.parametrize("of", slow.all_but(["flops"], ["flops", "parameters"]))
def test_compression_returns_the_largest_student_that_is_cheap_enough(of):
    cost_of = {"flops": cost.flops, "parameters": cost.parameters}[of]
    teacher = shrink.with_sections(_home_made())
    chains = [block_search.find_blocks(section) for section in teacher.sections]
    estimated = block_costs._COSTS[of](teacher, chains)
    whole, reached = cost_of(teacher), {}
    for keep in block_costs.falling_choices([4, 4]):
        student = lit_tf.shrink(teacher, keep=keep)
        # The cost is known without building the student.
        assert estimated(keep) == (costs := cost_of(student))
        reached[keep] = whole / costs
    assert list(reached) == [
        (4, 3),
        (3, 3),
        (3, 2),
        (2, 2),
        (2, 1),
        (1, 1),
    ]
    for wanted in (1.2, 1.6, 2.1):
        student = lit_tf.shrink(teacher, compression=wanted, of=of)
        enough = [keep for keep in reached if reached[keep] >= wanted]
        assert student.facts["blocks"] == list(enough[0])


@pytest.mark.parametrize("time", slow.all_but([1.0], [0.9, 1.0]))
def test_a_student_can_be_chosen_by_its_latency(monkeypatch, time):
    def medians_ms(functions, batch, *, runs):
        outputs = [function(*batch) for function in functions.values()]
        assert outputs[0].shape == outputs[1].shape and runs > 1
        return {"teacher": 1.0, "student": next(times)}

    # The first student has all blocks.
    times = itertools.chain([1.0], itertools.repeat(time))
    monkeypatch.setattr(cost, "medians_ms", medians_ms)
    if time == 1.0:
        with pytest.raises(errors.SettingsError, match="can be 1.00 at most"):
            lit_tf.shrink(_home_made(), compression=1.05, of="latency")
    else:
        student = lit_tf.shrink(_home_made(), compression=1.05, of="latency")
        assert sum(student.facts["blocks"]) == 7


def test_an_error_states_the_highest_possible_compression():
    with pytest.raises(errors.SettingsError, match=r"can be 3.60 at most"):
        lit_tf.shrink(_home_made(), compression=50)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "Pass either `keep` or `compression`"),
        ({"keep": (1, 1), "compression": 2.0}, "Pass either `keep`"),
        ({"compression": 0.5}, "must be > 1"),
        (
            {"keep": 1},
            "one number for each section, .* its number of blocks: 4, 4",
        ),
        ({"keep": (0, 1)}, "at least 1"),
        ({"keep": (5, 1)}, "at most its number of blocks: 4, 4"),
        ({"keep": (1, 1), "of": "bytes"}, "flops, parameters, latency"),
        ({"keep": (1, 1), "init": "zeros"}, "fresh, teacher_blocks"),
        ({"keep": 2.0}, "`keep` must be a whole number, or one for each"),
        ({"keep": "12"}, "`keep` must be a whole number, or one for each"),
        ({"keep": True}, "`keep` must be a whole number, or one for each"),
        ({"compression": "2"}, "`compression` must be a number"),
    ],
)
def test_invalid_arguments_raise_an_error(settings, words):
    with pytest.raises(errors.SettingsError, match=words):
        lit_tf.shrink(_home_made(), **settings)


def test_integers_of_numpy_are_whole_numbers():
    for keep in (np.array([1, 2]), [np.int64(1), np.int32(2)]):
        student = lit_tf.shrink(_home_made(), keep=keep, sections=np.int64(2))
        assert student.facts["blocks"] == [1, 2]
        assert student.name.endswith("_1_2")


def test_a_model_without_repeated_blocks_raises_an_error():
    x = inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    with pytest.raises(
        errors.SettingsError, match="Only a model that repeats blocks"
    ):
        lit_tf.shrink(model, compression=2)


def test_a_model_of_unknown_shape_can_only_be_compressed_by_parameters():
    x = inputs = keras.Input((None, None, 3))
    for name in ("one", "two", "three"):
        x = keras.layers.Conv2D(4, 3, padding="same", name=name)(x)
    model = keras.Model(inputs, x)
    with pytest.raises(errors.SettingsError, match="input shape is known"):
        lit_tf.shrink(model, compression=1.5)
    student = lit_tf.shrink(model, compression=1.3, of="parameters")
    assert student.facts["blocks"] == [1]


def test_a_shrunk_resnet_equals_the_shallower_resnet_of_that_name(build):
    teacher = build("resnet26", seed=1)
    student = lit_tf.shrink(teacher, keep=(2, 2, 2), init="teacher_blocks")
    named = build("resnet14", seed=2)
    initial_weights.copy_blocks(teacher, named)
    initial_weights.copy_ends(teacher, named)
    assert [v.shape for v in student.weights] == [
        v.shape for v in named.weights
    ]
    for ours, theirs in zip(
        student.get_weights(), named.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_student_can_be_trained_saved_and_loaded(tmp_path):
    teacher = shrink.with_sections(_home_made())
    student = lit_tf.shrink(teacher, keep=(1, 2), init="teacher_blocks")
    trainer = lit_tf.LIT(teacher, student)
    trainer.compile(lit_tf.SGD(0.01))
    x = np.random.default_rng(0).uniform(0, 255, (6, 8, 8, 3))
    trainer.fit(x, np.arange(6) % 3, verbose=0)
    model_files.save(student, tmp_path / "student.keras")
    loaded = lit_tf.load(tmp_path / "student.keras")
    np.testing.assert_array_equal(student(x), loaded(x))
    assert loaded.facts["blocks"] == [1, 2]


def test_shrinking_by_flops_warns_of_operations_that_are_not_counted():
    with pytest.warns(UserWarning, match=r"cannot be counted: While \(MatMul"):
        student = lit_tf.shrink(recurrent(), compression=1.3)
    assert student.facts["blocks"] == [2]
