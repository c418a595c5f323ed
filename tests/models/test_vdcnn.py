"""The VDCNN: tests beyond the contract and the recorded numbers."""

import keras
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

import lit_tf
from lit_tf import errors, layers, models
from lit_tf.data import characters
from lit_tf.models import vdcnn

LENGTH = 22  # Halved 3 times, rounding up: 11, 6, 3.
VARIANTS = [
    {"downsampling": how, "shortcut": shortcut}
    for how in ("maxpool", "conv", "kmaxpool")
    for shortcut in (False, True)
]
EVERY = pytest.mark.parametrize(
    "variant",
    slow.all_but([VARIANTS[0], VARIANTS[-1]], VARIANTS),
    ids=lambda v: f"{v['downsampling']}-{v['shortcut']}",
)


def tiny(**settings):
    seeds.set_all(0)
    small = {"filters": (4, 6, 8, 10), "hidden": 12, "k": 3}
    return vdcnn.build(
        9,
        input_shape=(LENGTH,),
        classes=3,
        alphabet=characters.ALPHABET,
        **small | settings,
    )


def codes(size=4):
    return np.random.default_rng(0).integers(0, 69, (size, LENGTH))


@EVERY
def test_every_variant_has_the_same_variables_and_representations(variant):
    plain, model = tiny(), tiny(**variant)
    for ours, theirs in zip(
        model.representations, plain.representations, strict=True
    ):
        assert ours.shape == theirs.shape
    theirs, ours = vdcnn.torch_variables(plain), vdcnn.torch_variables(model)
    assert {k: v.shape for k, v in ours.items()} == {
        k: v.shape for k, v in theirs.items()
    }


@EVERY
def test_every_variable_of_a_variant_has_a_gradient(variant):
    model = tiny(**variant)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.square(model(codes(), training=True)))
    gradients = tape.gradient(value, model.trainable_variables)
    for variable, gradient in zip(
        model.trainable_variables, gradients, strict=True
    ):
        gradient = tf.convert_to_tensor(gradient)
        assert np.abs(gradient).max() > 0, variable.path


@EVERY
def test_every_variant_can_be_saved_and_loaded(variant, tmp_path):
    model = tiny(**variant)
    model(codes(), training=True)
    model.save(tmp_path / "model.keras")
    again = lit_tf.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again(codes(), training=False), model(codes(), training=False)
    )


def test_the_outputs_of_the_variants_differ():
    answers = [
        tiny(**variant)(codes()).numpy().tobytes() for variant in VARIANTS
    ]
    assert len(set(answers)) == len(VARIANTS)


@pytest.mark.parametrize("length", [8, 9])
def test_max_pooling_pads_both_sides(length):
    # As in PyTorch: one character of padding on both sides. "same" pads one
    # side.
    section = tiny().sections[1]
    pad, pool = (
        section.get_layer("block_1_pool_pad"),
        section.get_layer("block_1_pool"),
    )
    x = np.random.default_rng(0).uniform(size=(2, length, 3)).astype("float32")
    windows = [x[:, max(0, i - 1) : i + 2].max(1) for i in range(0, length, 2)]
    np.testing.assert_array_equal(pool(pad(x)), np.stack(windows, 1))


def test_a_block_whose_convolutions_return_0_passes_on_its_input():
    section = tiny(shortcut=True).sections[1]
    norm = section.get_layer("block_1_norm_2")
    norm.set_weights([np.zeros_like(w) for w in norm.get_weights()])
    x = np.random.default_rng(0).uniform(size=(2, LENGTH, 4)).astype("float32")
    result = section(x, training=False)
    np.testing.assert_array_equal(result[..., 1:-1], x[:, ::2])
    assert not np.any(result[..., ::5])


def test_the_stem_is_an_embedding_and_a_convolution():
    kinds = [type(layer) for layer in tiny().stem.layers[1:]]
    assert kinds == [
        layers.Characters,
        keras.layers.Embedding,
        keras.layers.Conv1D,
    ]


@pytest.mark.parametrize(("length", "fits"), [(57, True), (56, False)])
def test_a_text_that_is_too_short_raises_an_error(length, fits):
    form = {"input_shape": (length,), "classes": 2, "alphabet": "abc"}
    if fits:
        assert models.get("vdcnn9")(**form).output_shape == (None, 2)
    else:
        with pytest.raises(errors.SettingsError, match="≥ 57.*text_length=56"):
            models.get("vdcnn9")(**form)


def test_an_unknown_downsampling_raises_an_error():
    with pytest.raises(errors.SettingsError, match="maxpool, conv, kmaxpool"):
        tiny(downsampling="average")


def test_published_names_tell_the_blocks_of_any_depth():
    model = tiny(blocks=(2, 1, 3, 1))
    names = vdcnn.torch_variables(model).keys()
    assert vdcnn.blocks_from_torch(names) == (2, 1, 3, 1)
    assert vdcnn.depth_from_torch(names) is None
    assert vdcnn.blocks_from_torch(list(names)[5:]) == ()
