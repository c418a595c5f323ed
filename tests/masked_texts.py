"""Token ids of several lengths, and classifiers that mask their padding."""

import keras
import numpy as np
import seeds

from lit_tf import data
from lit_tf.data import crops, length_buckets

LENGTH, WORDS = 8, 20


def dataset(examples=22, buckets=2):
    """Returns texts of 2, 3 and 7 ids, as a dataset in buckets."""
    random = np.random.default_rng(0)
    lengths = random.choice([2, 3, 7], examples)
    mask = (np.arange(LENGTH) < lengths[:, None]).astype(np.int32)
    ids = random.integers(1, WORDS, mask.shape).astype(np.int32) * mask
    labels = (ids.sum(1) % 2).astype(np.int32)
    split = data.Split({"token_ids": ids, "padding_mask": mask}, labels)
    return data.Dataset(
        name="texts",
        train=split,
        test=split,
        validation=split,
        classes=("even", "odd"),
        stem={},
        crop=crops.Crop(),
        buckets=length_buckets.of(split.inputs, buckets) if buckets else None,
    )


def network(*, blocks=2, masked=True, norm=False, seed=0):
    """Returns a classifier with attention, `[batch, 8]` ids → 2 logits.

    Args:
        blocks: number of blocks.
        masked: whether it leaves padding out.
        norm: whether a BatchNorm follows the mean over the positions.
        seed: the seed of the weights.
    """
    seeds.set_all(seed)
    ids, mask = (
        keras.Input((LENGTH,), dtype="int32", name=name)
        for name in ("token_ids", "padding_mask")
    )
    x = keras.layers.Embedding(WORDS, 4, name="table")(ids)
    x = keras.layers.Dense(4, name="first")(x)
    for j in range(blocks):
        attention = keras.layers.MultiHeadAttention(1, 4, name=f"attend_{j}")
        y = attention(x, x, attention_mask=mask[:, None])
        x = keras.layers.Add(name=f"add_{j}")([x, y])
        y = keras.layers.Dense(4, activation="tanh", name=f"dense_{j}")(x)
        x = keras.layers.Add(name=f"block_{j}")([x, y])
    pool = keras.layers.GlobalAveragePooling1D(name="pool")
    x = pool(x, mask=mask if masked else None)
    if norm:
        x = keras.layers.BatchNormalization(name="norm")(x)
    inputs = {"token_ids": ids, "padding_mask": mask}
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))
