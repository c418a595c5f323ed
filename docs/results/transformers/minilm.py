"""all-MiniLM-L6-v2 as a teacher: an encoder of texts, or a classifier.

    python docs/results/transformers/minilm.py texts REVIEWS_DIR TARGET_DIR
    python docs/results/transformers/minilm.py encoder BACKBONE.keras TARGET_DIR
    python docs/results/transformers/minilm.py classifier BACKBONE.keras \
        REVIEWS_DIR TARGET_DIR
    python docs/results/transformers/minilm.py probe REVIEWS_DIR MODEL.keras…

BACKBONE.keras is what `lit-import --model=bert` wrote, with `preprocessor/` by
it. `texts` writes the reviews without their labels. `encoder` pools the
backbone as its makers do. `classifier` trains it on the labels by Keras's `fit`
with seed 0. `probe` prints the test accuracy of a linear classifier of the
vectors of each encoder.
"""

import csv
import pathlib
import shutil
import sys

import keras
import numpy as np

import lit_tf
from lit_tf.interop import hub_texts

LENGTH = 64  # Token ids of a text.
EPOCHS, BATCH, RATE = 2, 32, 5e-5
RIDGES = [10.0**power for power in range(-3, 4)]


def pooled(backbone):
    """Returns the mean over real positions, and its inputs."""
    vectors = backbone.output["sequence_output"]
    pool = keras.layers.GlobalAveragePooling1D(name="pool")
    return pool(vectors, mask=backbone.input["padding_mask"]), backbone.input


def reviews(data_dir, preprocessor):
    settings = lit_tf.config.Data(
        dataset="csv", preprocessor=str(preprocessor), sequence_length=LENGTH
    )
    return lit_tf.data.load(
        settings, data_dir=data_dir, encoder=hub_texts.encoder(settings)
    )


def inputs_of(split):
    """Returns the inputs in memory, as Keras takes them."""
    return split.read(0, len(split))


def write(model, backbone, target):
    target.mkdir(parents=True, exist_ok=True)
    preprocessor = pathlib.Path(backbone).parent / "preprocessor"
    shutil.copytree(preprocessor, target / "preprocessor", dirs_exist_ok=True)
    model.save(target / f"{model.name}.keras")


def texts(data_dir, target):
    target = pathlib.Path(target)
    target.mkdir(parents=True, exist_ok=True)
    for name in ("train.csv", "test.csv"):
        source = pathlib.Path(data_dir) / name
        with (
            source.open(encoding="utf-8", newline="") as labelled,
            (target / name).open("w", encoding="utf-8", newline="") as alone,
        ):
            writer = csv.writer(alone, quoting=csv.QUOTE_ALL)
            for _, *columns in csv.reader(labelled):
                writer.writerow([" ".join(columns)])


def encoder(backbone, target):
    vector, inputs = pooled(keras.models.load_model(backbone))
    vector = keras.layers.UnitNormalization(name="unit")(vector)
    model = keras.Model(inputs, vector, name="minilm")
    write(model, backbone, pathlib.Path(target))


def classifier(backbone, data_dir, target):
    keras.utils.set_random_seed(0)
    vector, inputs = pooled(keras.models.load_model(backbone))
    vector = keras.layers.Dropout(0.1)(vector)
    logits = keras.layers.Dense(2, name="logits")(vector)
    model = keras.Model(inputs, logits, name="minilm_polarity")
    data = reviews(data_dir, pathlib.Path(backbone).parent / "preprocessor")
    steps = EPOCHS * -(-len(data.train) // BATCH)
    rate = keras.optimizers.schedules.PolynomialDecay(RATE, steps, 0.0)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        inputs_of(data.train),
        data.train.labels,
        validation_data=(inputs_of(data.validation), data.validation.labels),
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=2,
    )
    write(model, backbone, pathlib.Path(target))


def probe(data_dir, *models):
    for path in models:
        model = keras.models.load_model(path)
        folder = pathlib.Path(path).parent / "preprocessor"
        data = reviews(data_dir, folder)
        splits = (data.train, data.validation, data.test)
        vectors = [
            np.asarray(model.predict(inputs_of(split), BATCH, verbose=0))
            for split in splits
        ]
        signs = [2.0 * split.labels - 1 for split in splits]
        weights = [ridge(vectors[0], signs[0], size) for size in RIDGES]
        best = max(weights, key=lambda w: accuracy(w, vectors[1], signs[1]))
        print(f"{path}: {accuracy(best, vectors[2], signs[2]):.2%}", flush=True)


def ridge(x, y, size):
    x = np.c_[x, np.ones(len(x))]
    return np.linalg.solve(x.T @ x + size * np.eye(x.shape[1]), x.T @ y)


def accuracy(weights, x, y):
    return np.mean(np.sign(np.c_[x, np.ones(len(x))] @ weights) == y)


if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    {
        "texts": texts,
        "encoder": encoder,
        "classifier": classifier,
        "probe": probe,
    }[task](*arguments)
