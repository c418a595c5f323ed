"""Padding counts in no penalty, no loss and no accuracy."""

import keras
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

import lit_tf
from lit_tf import outputs
from lit_tf.losses import penalties

L = keras.layers
LENGTH = 6
REAL = np.array([6, 3, 1, 4])
IDS = np.where(
    np.arange(LENGTH) < REAL[:, np.newaxis],
    np.random.default_rng(0).integers(1, 9, (4, LENGTH)),
    0,
)
MASK = IDS > 0


def attention(x):
    return L.Add()([x, L.MultiHeadAttention(2, 3)(x, x)])


BLOCKS = {
    "recurrent": lambda x: L.LSTM(5, return_sequences=True)(x),
    "attention": attention,
}


def network(seed, block="recurrent", *, each=False, **embedding):
    """Returns a model of texts: a class for each text, or for each word."""
    seeds.set_all(seed)

    def part(layers, x):
        return keras.Model(x, layers(x))

    def head(x):
        return L.Dense(3)(x if each else L.GlobalAveragePooling1D()(x))

    embed = L.Embedding(9, 5, **{"mask_zero": True} | embedding)
    return lit_tf.SectionedModel(
        part(embed, keras.Input((LENGTH,), dtype="int32")),
        [part(BLOCKS[block], keras.Input((LENGTH, 5))) for _ in range(2)],
        part(head, keras.Input((LENGTH, 5))),
    )


def real_mean(values):
    """Returns the mean over the texts of each text's mean."""
    return np.mean([values[i, :n].mean() for i, n in enumerate(REAL)])


def test_a_normalized_penalty_is_in_units_of_real_positions():
    random = np.random.default_rng(0)
    T, S = random.normal(size=(2, 4, LENGTH, 5)).astype("float32")
    teacher, student = map(tf.constant, (T, S))
    student._keras_mask = tf.constant(MASK)
    normalized = penalties.l2_normalized(teacher, student)
    expected = penalties.l2(teacher, student) / real_mean(np.square(T))
    np.testing.assert_allclose(normalized, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["l1", "l2", "smooth_l1"])
def test_a_penalty_is_a_mean_over_real_positions(name):
    random = np.random.default_rng(0)
    T, S = random.normal(size=(2, 4, LENGTH, 5)).astype("float32")
    penalty = penalties.get(name)
    expected = [
        float(penalty(t[None, :n], s[None, :n])[0])
        for t, s, n in zip(*map(tf.constant, (T, S)), REAL, strict=True)
    ]
    teacher, student = map(tf.constant, (T, S))
    plain = penalty(teacher, student)
    student._keras_mask = tf.constant(MASK)
    np.testing.assert_allclose(penalty(teacher, student), expected, rtol=1e-5)
    assert np.abs(plain - np.array(expected)).max() > 0.01


@pytest.mark.filterwarnings("ignore:Layer .* does not support masking")
@pytest.mark.parametrize("copy_ends", slow.all_but([True], [True, False]))
@pytest.mark.parametrize("block", BLOCKS)
def test_the_terms_of_lit_are_those_of_the_masked_models(block, copy_ends):
    teacher, student = network(1, block), network(2, block)
    trainer = lit_tf.LIT(teacher, student, copy_ends=copy_ends)
    trainer.compile("sgd", jit_compile=False)
    y = np.array([0, 1, 2, 0])
    report = trainer.evaluate(IDS, y, verbose=0, return_dict=True)

    def representations(model):
        values = [model.stem(IDS)]
        for section in model.sections:
            values.append(section(values[-1]))
        return values

    T, S = representations(teacher), representations(student)
    for k in (1, 2):
        difference = np.square(T[k] - S[k]).mean(-1)
        expected = real_mean(difference)
        name = f"section_{k}/penalty_student_fed"
        assert report[name] == pytest.approx(expected, rel=1e-4)
    # A section reads the teacher's representation with its mask.
    fed = student.sections[1](representations(teacher)[1])
    difference = np.square(T[2] - fed).mean(-1)
    expected = real_mean(difference)
    name = "section_2/penalty_teacher_fed"
    assert report[name] == pytest.approx(expected, rel=1e-4)
    assert report["hard"] == pytest.approx(
        float(
            keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
                y, student(IDS)
            )
        ),
        rel=1e-4,
    )


@pytest.mark.filterwarnings("ignore:Layer .* does not support masking")
@pytest.mark.parametrize(
    "kind", slow.all_but([lit_tf.LIT], [lit_tf.Distill, lit_tf.LIT])
)
def test_padding_counts_in_no_loss_of_words(kind):
    teacher, student = network(1, each=True), network(2, each=True)
    labels = np.random.default_rng(0).integers(0, 3, IDS.shape)
    trainer = kind(teacher, student, temperature=2.0)
    trainer.compile("sgd")
    report = trainer.evaluate(IDS, labels, verbose=0, return_dict=True)
    z_t, z_s = (model(IDS).numpy()[MASK] for model in (teacher, student))
    y = labels[MASK]
    expected = outputs.Classes(temperature=2.0).terms(
        *map(tf.constant, (y, z_t, z_s))
    )
    for name in ("hard", "soft"):
        mean = float(tf.reduce_mean(expected[name]))
        assert report[name] == pytest.approx(mean, rel=1e-4)
    assert report["accuracy"] == pytest.approx(np.mean(z_s.argmax(-1) == y))
    student.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    plain = student.evaluate(IDS, labels, verbose=0)
    assert report["hard"] == pytest.approx(plain, rel=1e-4)
