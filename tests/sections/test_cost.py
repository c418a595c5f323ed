"""Costs of models, compared with counts by hand."""

import keras
import pytest
import tensorflow as tf

import lit_tf
from lit_tf.layers import GroupedConv2D
from lit_tf.sections import cost

L = keras.layers


def model(shape, *layers):
    x = start = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(start, x)


def test_parameters_include_moving_statistics():
    counted = model((3,), L.Dense(5), L.BatchNormalization())
    assert cost.parameters(counted) == 3 * 5 + 5 + 4 * 5


@pytest.mark.parametrize(
    ("shape", "layer", "multiply_adds"),
    [
        ((7,), L.Dense(5), 7 * 5),
        ((3, 7), L.Dense(5), 3 * 7 * 5),
        ((3, 7), L.EinsumDense("abc,cd->abd", (3, 5)), 3 * 7 * 5),
        ((9, 4), L.Conv1D(8, 3), 7 * 3 * 4 * 8),
        ((6, 6, 4), L.Conv2D(8, 3, padding="same"), 36 * 9 * 4 * 8),
        ((6, 6, 4), L.Conv2D(8, 3, strides=2), 2 * 2 * 9 * 4 * 8),
        ((6, 6, 4), L.Conv2D(8, 3, dilation_rate=2), 2 * 2 * 9 * 4 * 8),
        ((6, 6, 4), L.Conv2D(8, 3, groups=2), 4 * 4 * 9 * 2 * 8),
        ((6, 6, 4), GroupedConv2D(8, 3, groups=2), 4 * 4 * 9 * 2 * 8),
        ((6, 6, 4), L.DepthwiseConv2D(3), 4 * 4 * 9 * 4),
        (
            (6, 6, 4),
            L.DepthwiseConv2D(3, depth_multiplier=2),
            4 * 4 * 9 * 8,
        ),
        ((6, 6, 4), L.SeparableConv2D(8, 3), 16 * (9 * 4 + 4 * 8)),
        (
            (6, 6, 4),
            L.Conv2DTranspose(8, 4, 2, padding="same"),
            36 * 16 * 4 * 8,
        ),
        ((4, 4, 4, 2), L.Conv3D(3, 2), 27 * 8 * 2 * 3),
        ((6, 6, 4), L.BatchNormalization(), 0),
        ((6, 6, 4), L.MaxPooling2D(), 0),
    ],
)
def test_flops_are_twice_the_multiply_adds(shape, layer, multiply_adds):
    assert cost.flops(model(shape, layer)) == 2 * multiply_adds


def test_flops_of_attention_include_its_products():
    x = keras.Input((3, 8))
    attention = L.MultiHeadAttention(num_heads=2, key_dim=4)
    projections, products = 4 * 3 * 8 * 8, 2 * 2 * 3 * 3 * 4
    counted = cost.flops(keras.Model(x, attention(x, x)))
    assert counted == 2 * (projections + products)


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((7,), L.Dense(5)),
        ((3, 7), L.EinsumDense("abc,cd->abd", (3, 5))),
        ((9, 4), L.Conv1D(8, 3)),
        ((6, 6, 4), L.Conv2D(8, 3, strides=2)),
        ((6, 6, 4), L.Conv2D(8, 3, groups=2)),
        ((6, 6, 4), L.DepthwiseConv2D(3, depth_multiplier=2)),
        ((6, 6, 4), L.Conv2DTranspose(8, 4, 2, padding="same")),
        ((4, 4, 4, 2), L.Conv3D(3, 2)),
        ((4, 4, 4, 2), L.Conv3DTranspose(3, 2)),
    ],
)
def test_a_product_with_its_two_gradients_costs_three_times_as_much(
    shape, layer
):
    counted = model(shape, layer)

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = counted(x)
        return y, tape.gradient(y, [x, layer.kernel.value])

    once = cost.flops(counted)
    counted = cost.count_traced_flops(step, tf.zeros([5, *shape]))
    assert counted == cost.FlopCount(3 * 5 * once)


def test_an_operation_without_effect_on_a_result_costs_nothing():
    def product(x):
        tf.matmul(x, x, transpose_b=True)
        return tf.matmul(x, x, transpose_a=True)

    counted = cost.count_traced_flops(product, tf.zeros([5, 3]))
    assert counted == cost.FlopCount(2 * 5 * 3 * 3)


class Spectrum(L.Layer):
    """The real part of a Fourier transform, which `cost` cannot count."""

    def call(self, inputs):
        return tf.math.real(tf.signal.fft(tf.cast(inputs, tf.complex64)))


class AddOneInALoop(L.Layer):
    """A loop over the examples without any multiply-add."""

    def call(self, inputs):
        return tf.map_fn(lambda example: example + 1, inputs)


@pytest.mark.parametrize(
    ("shape", "layer", "uncounted"),
    [
        ((5, 4), L.LSTM(4), ("While (MatMul)",)),
        ((4,), Spectrum(), ("FFT",)),
        ((4,), AddOneInALoop(), ()),
        ((5, 4), L.LSTM(4, unroll=True), ()),
    ],
)
def test_operations_that_cannot_be_counted_are_reported(
    shape, layer, uncounted
):
    counted = cost.count_flops(model(shape, layer, L.Dense(3)))
    assert counted.uncounted == uncounted
    # 4 gates, 5 steps, a kernel and a recurrent kernel of 4×4 each.
    lstm = 2 * 4 * 5 * 2 * 4 * 4 if getattr(layer, "unroll", False) else 0
    assert counted.flops == 2 * 4 * 3 + lstm


def test_operations_of_unknown_shapes_are_reported():
    texts = keras.Input((1,), name="texts", dtype="string")
    words = L.TextVectorization(vocabulary=["good", "bad"])(texts)
    x = L.Dense(4)(L.Embedding(4, 3)(words))
    x = L.GlobalAveragePooling1D()(x)
    counted = cost.count_flops(keras.Model(texts, L.Dense(2)(x)))
    assert counted.uncounted == ("MatMul",)


def test_flops_that_leave_out_an_operation_give_a_warning():
    left_out = model((5, 4), L.LSTM(4), L.Dense(3))
    with pytest.warns(UserWarning, match=r"FLOPs leave out .*While \(MatMul\)"):
        assert cost.flops(left_out) == 2 * 4 * 3


def test_a_note_lists_the_uncounted_operations_once_each_in_order():
    assert cost.note(()) == ""
    assert cost.note({"While (MatMul)", "FFT"}) == (
        "FLOPs leave out these operations, which cannot be counted: FFT, "
        "While (MatMul)."
    )


def test_every_operation_of_a_train_step_is_counted(build):
    trainer = lit_tf.LIT(build("resnet14"), build("resnet8"))
    batch = tf.zeros([4, 8, 8, 3]), tf.zeros([4], tf.int32)
    trainer.compile("adam", run_eagerly=True)
    trainer.fit(*batch, verbose=0)  # Builds the variables.
    counted = cost.count_traced_flops(trainer.train_step, batch)
    assert counted.flops > 0 and counted.uncounted == ()


def test_a_stated_depth_is_returned():
    stated = model((3,), L.Dense(5))
    stated.depth = 7
    assert cost.depth(stated) == 7


def test_the_depth_is_the_longest_chain_of_weighted_layers():
    x = keras.Input((4, 4, 3))
    long = L.Conv2D(3, 3, padding="same")(x)
    long = L.BatchNormalization()(long)
    long = L.Conv2D(3, 3, padding="same")(L.ReLU()(long))
    y = L.Add()([long, L.Conv2D(3, 1)(x)])
    y = L.Dense(2)(L.GlobalAveragePooling2D()(y))
    assert cost.depth(keras.Model(x, y)) == 3


def test_a_layer_used_twice_counts_twice():
    shared = L.Dense(3)
    assert cost.depth(model((3,), shared, shared)) == 2


@pytest.mark.parametrize(
    "inner",
    [
        lambda: model((3,), L.Dense(3), L.Dense(3)),
        lambda: keras.Sequential([L.Dense(3), L.Dense(3)]),
    ],
    ids=["functional", "sequential"],
)
def test_the_layers_of_a_nested_model_count_for_the_depth(inner):
    assert cost.depth(model((3,), inner(), L.Dense(2))) == 3


def test_the_depth_of_a_model_without_weights_is_0():
    assert cost.depth(model((3,), L.ReLU())) == 0


def test_the_size_of_a_folder_is_the_size_of_all_its_files(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "inner" / "b").write_bytes(b"4567")
    assert cost.folder_bytes(tmp_path) == 7
