"""Texts in several arrays, encoded once."""

import numpy as np
import tensorflow as tf

from lit_tf import config, data


class Lengths:
    """Encodes a text as its length and its first two bytes."""

    key = {"encoder": "lengths"}
    length = None
    forms = {"length": ((), np.int32), "bytes": ((2,), np.uint8)}
    calls = 0

    def __call__(self, texts):
        type(self).calls += 1
        return {
            "length": tf.strings.length(texts),
            "bytes": tf.io.decode_raw(tf.strings.substr(texts, 0, 2), tf.uint8),
        }


def test_texts_may_be_encoded_in_several_arrays(tmp_path):
    (tmp_path / "train.csv").write_text('"1","abc"\n"2","de"\n')
    (tmp_path / "test.csv").write_text('"2","fghi"\n"1","jk"\n')
    settings = config.Data(dataset="csv", validation_fraction=0)

    def load(encoder):
        return data.load(
            settings,
            data_dir=str(tmp_path),
            cache_dir=str(tmp_path / "cache"),
            encoder=encoder,
        )

    loaded = load(Lengths())
    np.testing.assert_array_equal(loaded.train.inputs["length"][:], [3, 2])
    np.testing.assert_array_equal(
        loaded.test.inputs["bytes"][:], [list(b"fg"), list(b"jk")]
    )
    assert loaded.form["input_shape"] == {"length": (), "bytes": (2,)}
    calls = Lengths.calls
    assert load(Lengths()).fingerprint == loaded.fingerprint
    assert Lengths.calls == calls
    # Without an encoder, characters.
    assert load(None).form["input_shape"] == (1014,)
