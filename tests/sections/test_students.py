"""The list of students that a plan offers, and the flags that make them."""

import keras
import pytest
import small
from home_made import residual_rows

import lit_tf
from lit_tf import errors
from lit_tf.sections import block_costs, cost, kept_blocks
from lit_tf.sections.plan import plan_in_use


def _model(size):
    x = image = keras.Input((size, size, 3))
    x = residual_rows(x, blocks=4)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3)(x), name="home_made")


@pytest.fixture(scope="module")
def plan():
    return lit_tf.plan(_model(8))


def test_the_flags_in_a_row_make_its_student(plan):
    found = plan.students()
    chains = kept_blocks.find_blocks_of_sections(plan.sectioned)
    assert found.teacher.keep == (4, 4)
    assert [student.keep for student in found][-1] == (1, 1)
    assert len(found) == 6
    for student in found:
        chosen = block_costs.cheapest_enough(
            plan.sectioned, chains, student.compression, "flops"
        )
        assert chosen == student.keep


def test_a_student_costs_what_its_row_says(plan):
    row = list(plan.students())[2]
    student = lit_tf.shrink(plan.sectioned, keep=row.keep)
    assert row.flops == cost.flops(student)
    assert row.parameters == cost.parameters(student)
    line = f"{','.join(map(str, row.keep))} | --compression="
    (shown,) = [one for one in str(plan.students()).split("\n") if line in one]
    assert f"{row.flops:,}" in shown and f"{row.parameters:,}" in shown


def test_blocks_of_one_layer_save_flops_and_no_parameters():
    x = inputs = keras.Input((6,))
    x = keras.layers.Dense(5, name="first")(x)
    shared = keras.layers.Dense(5, activation="gelu", name="shared")
    for j in range(4):
        x = keras.layers.Add(name=f"add_{j}")([x, shared(x)])
    model = keras.Model(inputs, keras.layers.Dense(2)(x), name="albert")
    plan = lit_tf.plan(model)
    found = plan.students()
    assert found.teacher.keep == (4,)
    assert {student.parameters for student in found} == {model.count_params()}
    student = lit_tf.shrink(plan.sectioned, keep=2)
    assert cost.parameters(student) == model.count_params()
    assert found.students[1].flops == cost.flops(student)
    message = "can be 1.00 at most for albert, because its blocks share"
    with pytest.raises(errors.SettingsError, match=message):
        lit_tf.shrink(model, compression=1.5, of="parameters")


def test_students_of_a_model_of_open_size_have_no_flops():
    found = lit_tf.plan(_model(None)).students()
    assert {student.flops for student in found} == {None}
    assert "--compression=" not in str(found)
    assert "which the model leaves open" in str(found)


def test_the_sections_that_a_model_has_are_those_of_its_students():
    form = {"input_shape": (8, 8, 1), "classes": 3, "mean": (0,), "std": (1,)}
    model = small.build(10, **form)
    own = plan_in_use(model)
    assert str(own).startswith("small10, in its own sections\n")
    (student, *_) = own.students()
    assert lit_tf.shrink(model, keep=student.keep).facts["blocks"] == [2, 1]
    # `plan` ignores the sections: both have blocks of one shape.
    assert [s.keep for s in plan_in_use(model, 1).students()][-1] == (1,)
    last = plan_in_use(small.build(6, **form)).students()
    assert len(last) == 0 and "none can be left out" in str(last)


def test_a_model_without_repeated_blocks_has_no_students():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(errors.SettingsError, match="repeats blocks"):
        lit_tf.plan(model).students()
