"""Steps of LIT on texts of like length, and on texts padded to one length.

    python docs/results/texts/length_buckets.py PREPROCESSOR REVIEWS_DIR \
        [LENGTH] [BATCH_SIZE]

A BERT of the size of all-MiniLM-L6-v2 (6 blocks of width 384, random weights,
which do not change the time) teaches a student of 3 blocks on real reviews.
PREPROCESSOR is the folder that `lit-import --model=bert` wrote. For each number
of buckets the time of an epoch is that of a step of each length, times the
share of its texts. The lengths are measured in turn, several times, and the
shortest time counts.
"""

import sys
import time

import keras
import keras_hub
import numpy as np
import tensorflow as tf

import lit_tf
from lit_tf.data import length_buckets
from lit_tf.interop import hub_texts

ROUNDS = 5
BUCKETS = 4, 8


def classifier(length):
    keras.utils.set_random_seed(0)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=30522,
        num_layers=6,
        num_heads=12,
        hidden_dim=384,
        intermediate_dim=1536,
        max_sequence_length=512,
    )
    inputs = {
        name: keras.Input((length,), dtype="int32", name=name)
        for name in backbone.input
    }
    vectors = backbone(inputs)["sequence_output"]
    pool = keras.layers.GlobalAveragePooling1D(name="pool")
    vector = pool(vectors, mask=inputs["padding_mask"])
    logits = keras.layers.Dense(2, name="logits")(vector)
    return keras.Model(inputs, logits, name="bert")


def seconds(trainer, batch):
    start = time.perf_counter()
    trainer.train_on_batch(*batch)
    return time.perf_counter() - start


def main():
    preprocessor, data_dir, *sizes = sys.argv[1:]
    length, batch_size = map(int, sizes or (256, 8))
    settings = lit_tf.config.Data(
        dataset="csv", preprocessor=preprocessor, sequence_length=length
    )
    train = lit_tf.data.load(
        settings, data_dir=data_dir, encoder=hub_texts.encoder(settings)
    ).train
    real = (train.inputs["padding_mask"][:] != 0).sum(1)
    parts = ", ".join(
        f"{q} %: {np.percentile(real, q):.0f}" for q in (10, 25, 50, 75, 90)
    )
    print(
        f"{len(train):,} reviews, cut to {length} token ids; lengths {parts}, "
        f"mean {real.mean():.0f}; {np.mean(real == length):.0%} are {length}",
        flush=True,
    )
    model = classifier(length)
    teacher = lit_tf.split(model, lit_tf.plan(model))
    student = lit_tf.shrink(teacher, keep=3, init="teacher_blocks")
    trainer = lit_tf.LIT(teacher, student, penalty="l2_normalized")
    trainer.compile(keras.optimizers.AdamW(1e-4))
    trainer.accept_lengths()

    batches, shares = {}, {}
    for count in BUCKETS:
        buckets = length_buckets.of(train.inputs, count)
        samples = buckets.samples(train, batch_size)
        shares[count] = dict.fromkeys(buckets.lengths, 0.0)
        for used, (share, some) in zip(buckets.lengths, samples, strict=True):
            inputs = tf.nest.map_structure(tf.constant, some.inputs)
            batches[used] = inputs, tf.constant(some.labels)
            shares[count][used] = share
    for batch in batches.values():
        seconds(trainer, batch)  # Traces.
    times = {used: [] for used in batches}
    for _ in range(ROUNDS):
        for used in sorted(batches):
            times[used].append(seconds(trainer, batches[used]))
    # Other programs on the machine only add time.
    step = {used: min(each) for used, each in times.items()}
    whole = step[length]
    print(f"batches of {batch_size}, shortest of {ROUNDS} rounds in turn")
    print(f"padded to {length}: {batch_size / whole:.2f} examples/s")
    for count, share in shares.items():
        mean = sum(part * step[used] for used, part in share.items())
        print(f"{count} buckets: {batch_size / mean:.2f} examples/s", end="")
        print(f", {whole / mean:.2f} times as many; ", end="")
        mean = sum(part * used for used, part in share.items())
        print(f"{mean:.0f} positions a text, {length / mean:.2f} times fewer")
        for used, part in share.items():
            print(f"  {used:>4} ids: {part:6.1%} of the texts,", end="")
            print(f" {1000 * step[used]:8.0f} ms a step")


if __name__ == "__main__":
    main()
