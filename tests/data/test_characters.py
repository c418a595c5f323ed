"""Encoding of texts as character codes, for any bytes."""

import numpy as np
import pytest
import tensorflow as tf

from lit_tf import layers
from lit_tf.data import characters

PAD, UNKNOWN = 0, 68


def codes(*texts, length=8):
    return characters.encode(
        tf.constant(texts), alphabet=characters.ALPHABET, length=length
    ).numpy()


def by_hand(text, length):
    """Returns codes as the published code computes them, in plain Python."""
    known = {c: i for i, c in enumerate(characters.ALPHABET, 1)}
    row = [known.get(c, UNKNOWN) for c in text.lower()][:length]
    return row + [PAD] * (length - len(row))


def test_there_are_69_codes_as_in_the_published_weights():
    assert len(set(characters.ALPHABET)) == 67
    assert characters.count(characters.ALPHABET) == 69


def test_characters_are_numbered_as_in_the_published_code():
    np.testing.assert_array_equal(
        codes("az09- }{", "^\n"),
        [[1, 26, 27, 36, 37, 67, 66, 65], [52, UNKNOWN, 0, 0, 0, 0, 0, 0]],
    )


def test_upper_and_lower_case_letters_have_the_same_codes():
    assert (codes("Great KEYS") == codes("great keys")).all()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("café à la crème", id="accents"),
        pytest.param("ok 👍🏽 🎉!", id="emoji"),
        pytest.param("很好的书 good", id="CJK"),
        pytest.param("ΣΊΣΥΦΟΣ straße", id="other capitals"),
        pytest.param("5 \N{KELVIN SIGN}elvin", id="a capital outside ASCII"),
        pytest.param("a\x00b\tc\nd\\e@f", id="characters outside the alphabet"),
        pytest.param("", id="empty text"),
        pytest.param("e\N{COMBINING ACUTE ACCENT}x", id="a combining accent"),
    ],
)
def test_a_character_is_one_code_regardless_of_its_bytes(text):
    np.testing.assert_array_equal(codes(text, length=20)[0], by_hand(text, 20))


def test_the_lower_case_of_every_character_is_that_of_python():
    points = [p for p in range(0x10000) if not 0xD800 <= p < 0xE000]
    points.remove(ord("İ"))  # Its lower case is two characters.
    text = "".join(map(chr, points))
    np.testing.assert_array_equal(
        codes(text, length=len(text))[0], by_hand(text, len(text))
    )


def test_texts_are_cut_and_padded():
    rows = codes("abcdefghijkl", "ab", length=4)
    np.testing.assert_array_equal(rows, [[1, 2, 3, 4], [1, 2, PAD, PAD]])
    assert rows.dtype == np.uint8
    many_bytes = codes("👍" * 9, length=4)
    np.testing.assert_array_equal(many_bytes, [[UNKNOWN] * 4])


def test_invalid_bytes_are_unknown_characters():
    rows = codes(b"a\xffb", b"a\xe2\x82b", b"\x80\x80c", b"\xe2\xc3d")
    np.testing.assert_array_equal(
        rows[:, :3],
        [
            [1, UNKNOWN, 2],
            [1, UNKNOWN, 2],
            [UNKNOWN, UNKNOWN, 3],
            [UNKNOWN, UNKNOWN, 4],
        ],
    )


def test_codes_of_a_mixed_batch_are_in_the_order_of_its_texts():
    texts = ["plain", "", "naïve", "Plain", "🙂", "x" * 30]
    np.testing.assert_array_equal(
        codes(*texts, length=6), [by_hand(text, 6) for text in texts]
    )
    empty = characters.encode(
        tf.constant([], tf.string), alphabet="abc", length=6
    )
    assert empty.shape == (0, 6)


def test_invalid_bytes_are_replaced_as_python_replaces_them():
    random = np.random.default_rng(0)
    for _ in range(300):
        text = random.integers(0, 256, random.integers(1, 12)).astype(np.uint8)
        text = text.tobytes() + b"end"
        expected = by_hand(text.decode("utf-8", "replace"), 16)
        np.testing.assert_array_equal(codes(text, length=16)[0], expected)


def test_a_huge_text_is_cut_before_it_is_decoded():
    np.testing.assert_array_equal(codes("é" * 10**7), [[UNKNOWN] * 8])


def test_a_decoded_text_has_the_same_codes():
    random = np.random.default_rng(0)
    expected = random.integers(1, 69, (5, 30)).astype(np.uint8)
    expected[0, 7:], expected[1] = PAD, PAD
    texts = characters.decode(expected, alphabet=characters.ALPHABET)
    actual = codes(*texts.numpy(), length=30)
    np.testing.assert_array_equal(actual, expected)


def test_the_layer_uses_the_table_and_reads_invalid_codes_as_unknown():
    layer = layers.Characters(characters.ALPHABET, 8)
    text = tf.constant(["Ab ☕"])
    np.testing.assert_array_equal(layer.encode(text), codes("Ab ☕"))
    again = layer.encode(layer.decode(layer.encode(text)))
    np.testing.assert_array_equal(again, codes("Ab ☕"))
    result = layer(np.array([[0, 5, 68, 69, 255]], np.uint8))
    np.testing.assert_array_equal(result, [[0, 5, 68, 68, 68]])
    assert result.dtype == tf.int32


def test_any_alphabet_can_be_encoded():
    rows = characters.encode(
        tf.constant(["ДА нет", b"\xd0z"]), alphabet="адентÿ", length=7
    )
    np.testing.assert_array_equal(
        rows, [[2, 1, 7, 4, 3, 5, 0], [7, 7, 0, 0, 0, 0, 0]]
    )
