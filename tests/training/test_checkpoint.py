"""A checkpoint is restored into the same variables only, in the same order."""

import keras
import numpy as np
import pytest
import slow

import lit_tf
from lit_tf import errors, outputs
from lit_tf.methods import supervised
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.training import optimizers, variable_paths
from lit_tf.training.checkpoint import Checkpoint, Position

POSITION = Position(step=3, epoch=1)


def trainer(student, dtype="float32"):
    """Returns a compiled trainer that took two steps."""
    model = supervised.Teach(student, outputs=outputs.Classes())
    optimizer = optimizers.Adam(0.1, momentum=0.5)
    if dtype == "float16":  # And slots that Keras names.
        optimizer = keras.optimizers.AdamW(0.1, use_ema=True)
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, run_eagerly=True)  # Two steps: no graph pays off.
    random = np.random.default_rng(0)
    inputs = random.normal(size=(8, 4)).astype("float32")
    model.fit(inputs, np.arange(8) % 4, batch_size=4, verbose=0)
    return model


def chain(*names):
    """Returns a model of dense layers, all 4 → 4, with the given names."""
    x = inputs = keras.Input((4,))
    for name in names:
        x = keras.layers.Dense(4, name=name)(x)
    return keras.Model(inputs, x)


def sectioned(*names):
    """Returns a sectioned model; each section's layer is named `dense`."""

    def part(name):
        x = keras.Input((4,))
        return keras.Model(x, keras.layers.Dense(4, name="dense")(x), name=name)

    return SectionedModel(part("stem"), list(map(part, names)), part("head"))


def unnamed():
    """Returns a model whose layers' names are numbered by Keras."""
    x = inputs = keras.Input((4,))
    x = keras.layers.Dense(4)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(4)])(x)
    x = keras.layers.Dropout(0.5)(x)
    return keras.Model(inputs, keras.layers.Dense(4)(x))


def save(path, model):
    assert Checkpoint(path, model).save(POSITION)


def state(model):
    return [v.numpy() for group in model.state.values() for v in group]


def remove_paths(path):
    """Rewrites a checkpoint as version 0.1 wrote it."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    del arrays["paths"]
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("build", "names", "there", "here"),
    [
        pytest.param(chain, "abc", "b/kernel", "c/kernel", id="layers"),
        pytest.param(
            chain,
            ("a", "b_1", "b_2"),
            "b_1/kernel",
            "b_2/kernel",
            id="numbered layers",
        ),
        pytest.param(
            sectioned,
            ("one", "two", "three"),
            "two/dense/kernel",
            "three/dense/kernel",
            id="sections",
        ),
    ],
)
def test_a_reordered_pair_of_equal_shape_is_refused_with_its_name(
    tmp_path, build, names, there, here
):
    path = tmp_path / "lit.npz"
    save(path, trainer(build(*names)))
    first, second, third = names
    reordered = trainer(build(first, third, second))
    before = state(reordered)
    with pytest.raises(errors.DataError) as caught:
        Checkpoint(path, reordered).restore()
    message = str(caught.value)
    assert f"lit.npz holds {there!r} where this run has {here!r}" in message
    assert "start again with --overwrite" in message
    for one, other in zip(before, state(reordered), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "dtype", slow.all_but(["float16"], ["float32", "float16"])
)
@pytest.mark.parametrize("how", ["built again", "loaded"])
def test_a_run_resumes_in_a_process_that_built_other_models(
    tmp_path, how, dtype
):
    student = unnamed()
    first = trainer(student, dtype)
    path = tmp_path / "lit.npz"
    save(path, first)
    student.save(tmp_path / "student.keras")
    for other in (unnamed(), chain(None, None)):
        trainer(other, "float16")
    again = (
        unnamed()
        if how == "built again"
        else lit_tf.load(tmp_path / "student.keras")
    )
    second = trainer(again, dtype)
    paths = [[v.path for v in m.student.variables] for m in (first, second)]
    assert paths[0] != paths[1]  # Else this test would prove nothing.
    assert Checkpoint(path, second).restore() == POSITION
    for one, other in zip(state(first), state(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_slot_has_the_path_of_its_variable():
    paths = variable_paths.of(trainer(sectioned("one", "two")))
    slots = [path for path in paths["optimizer"] if path.endswith("/mean")]
    assert slots == [f"{path}/mean" for path in paths["student"]]


def test_another_number_of_variables_is_refused(tmp_path):
    path = tmp_path / "lit.npz"
    save(path, trainer(chain("a", "b")))
    with pytest.raises(errors.DataError, match="holds no variable where .*'c/"):
        Checkpoint(path, trainer(chain("a", "b", "c"))).restore()


def test_a_checkpoint_of_version_0_1_is_restored_by_position(tmp_path):
    first, second = trainer(chain("a", "b")), trainer(chain("b", "a"))
    path = tmp_path / "lit.npz"
    save(path, first)
    remove_paths(path)
    assert Checkpoint(path, second).restore() == POSITION
    for one, other in zip(state(first), state(second), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("saved", "present", "index"),
    [
        ("a b", "a b", None),
        ("a b", "b a", 0),
        ("a b", "a", 1),
        # Another offset.
        ("dense dense_1", "dense_4 dense_7", None),
        ("m/dense m/dense_1", "m_2/dense_3 m_2/dense_4", None),
        ("m/dense m_1/dense_1", "m_2/dense_9 m_4/dense_12", None),
        ("a/dense_9 a/dense_10 b/dense_8", "a/dense a/dense_2 b/dense_1", None),
        # Another order.
        ("dense dense_1", "dense_7 dense_4", 0),
        ("dense_9 dense_10", "dense_10 dense_9", 0),
        ("block_1_conv_1 block_1_conv_2", "block_1_conv_2 block_1_conv_1", 0),
        ("block_1_conv_2 block_2_conv_1", "block_2_conv_1 block_1_conv_2", 0),
        # Other names.
        ("conv_1x1 conv_3x3", "conv_3x3 conv_1x1", 0),
        ("dense_1/kernel", "dense_1/bias", 0),
        ("block_conv_1", "block_1_conv", 0),
    ],
)
def test_paths_differ_by_order_and_not_by_the_numbers_of_a_process(
    saved, present, index
):
    paths = (saved.split(), present.split())
    assert variable_paths.first_difference(*paths) == index
