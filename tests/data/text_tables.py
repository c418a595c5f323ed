"""Small tables of texts, and the characters that they are encoded to."""

import tensorflow as tf

from lit_tf import config, data
from lit_tf.data import characters

ROWS = (
    '"2","Great CD","My lovely Pat has one of the ""GREAT"" voices.\\nYes!"\n'
    '"1","Café","déjà vu, 5 €"\n'
    '"3","","no title"\n'
    '"3","",""\n'
    '"1","two","columns","more"\n'
)
LENGTH = 70


def load(folder, name="csv", cache_dir="", **settings):
    chosen = {"dataset": name, "validation_fraction": 0, "text_length": LENGTH}
    return data.load(
        config.Data(**chosen | settings),
        data_dir=str(folder),
        cache_dir=cache_dir,
    )


def write(folder, train=ROWS, test=ROWS):
    folder.mkdir(exist_ok=True, parents=True)
    for name, text in (("train.csv", train), ("test.csv", test)):
        content = text if isinstance(text, bytes) else text.encode()
        (folder / name).write_bytes(content)
    return folder


def codes(*texts):
    return characters.encode(
        tf.constant(texts), alphabet=characters.ALPHABET, length=LENGTH
    ).numpy()
