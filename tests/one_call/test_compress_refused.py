"""Bad input of `lit_tf.compress`: one sentence each."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from own_models import CLASSES, INPUTS, VALUES, built, classifier, compress

import lit_tf
from lit_tf import config, errors
from lit_tf.data import own_data
from lit_tf.one_call import arguments, report


def test_a_budget_shorter_than_an_epoch_is_refused(measured_seconds):
    with pytest.raises(errors.SettingsError) as error:
        compress(classifier(), (INPUTS, CLASSES), epochs=None, budget="1s")
    assert str(error.value) == (
        "`budget` must be long enough for an epoch, which takes about 0:02 "
        "here, after 0:00 to measure it. Received: budget='1s'."
    )


def test_metrics_that_read_other_labels_are_left_out(capsys):
    model = classifier(loss="sparse_categorical_crossentropy")
    one_hot = np.eye(2)[CLASSES]
    dataset = own_data.read(
        (INPUTS, one_hot), (INPUTS, one_hot), rank=2, batch_size=32
    )
    assert report._own_metrics(model, dataset) == {}
    assert "metrics   those that mine was compiled" in capsys.readouterr().out


WORDS = np.arange(6 * len(CLASSES)).reshape(-1, 6) % 9


def of_words():
    x = words = keras.Input((6,), dtype="int32", name="words")
    x = keras.layers.Embedding(9, 4, name="table")(x)
    for j in range(3):
        x = x + keras.layers.Dense(4, activation="relu", name=f"dense_{j}")(x)
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(2, name="logits")(x)
    return keras.Model(words, outputs, name="of_words")


BEST = keras.callbacks.EarlyStopping(restore_best_weights=True)
REFUSED = {
    "no model": (
        lambda: ("mine.keras", (INPUTS, CLASSES)),
        {},
        "A model must be a keras.Model. Received: str.",
    ),
    "other inputs": (
        lambda: (classifier(), (INPUTS[:, :3], CLASSES)),
        {},
        "mine cannot be called on the first examples of `train` (",
    ),
    "labels that do not fit": (
        lambda: (classifier(), (INPUTS, CLASSES + 5)),
        {},
        "Labels must be class numbers, 0 to 1. Received: ",
    ),
    "inputs that are not finite": (
        lambda: (classifier(), (np.where(INPUTS > 2, np.nan, INPUTS), CLASSES)),
        {},
        "The inputs of `train` must be finite. Received: an infinite value or",
    ),
    "labels of another length": (
        lambda: (classifier(), (INPUTS, CLASSES.repeat(2))),
        {},
        "`train` must be arrays of one length, such as (inputs, labels). A list"
        " of arrays has one for each input of the model; other lists have rows "
        "of one length. Received: shapes=[(96, 6), (192,)].",
    ),
    "validation labels of another length": (
        lambda: (classifier(), (INPUTS, CLASSES), (INPUTS, CLASSES[1:])),
        {},
        "`validation_data` must be arrays of one length",
    ),
    "a list of rows of different lengths": (
        lambda: (classifier(), ([[1.0], [1.0, 2.0]], [0, 1])),
        {},
        "`train` must be arrays of one length",
    ),
    "an unknown word": (
        lambda: (of_words(), (WORDS * (1 + 99 * (WORDS == 3)), CLASSES)),
        {},
        "The input 'words' of of_words takes numbers from 0 to 8, the "
        "vocabulary of its layer 'table'. Received: 300 in `train`,",
    ),
    "texts in place of words": (
        lambda: (of_words(), (["a text"] * len(CLASSES), CLASSES)),
        {},
        "The input 'words' of of_words takes int32. Received: string in "
        "`train`.",
    ),
    "no example in a batch": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"batch_size": 0},
        "`batch_size` must be at least 1. Received: batch_size=0.",
    ),
    "a function": (
        lambda: (classifier(), lambda: None),
        {},
        "`train` must be data. Call the function: train(). Received: train=",
    ),
    "a weight of no class": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"class_weight": {0: 1.0, 2: 2.0}},
        "`class_weight` must have class numbers from 0 to 1. Received: "
        "class_weight={0: 1.0, 2: 2.0}.",
    ),
    "texts as labels": (
        lambda: (
            classifier(loss="sparse_categorical_crossentropy"),
            (INPUTS, np.array(["cat", "dog"])[CLASSES]),
        ),
        {},
        "Labels must be numbers. Received: strings. Number the classes from 0,",
    ),
    "labels below 0": (
        lambda: (classifier(), (INPUTS, CLASSES - 1)),
        {},
        "Labels must be class numbers, 0 to 1. To leave out what has no label,",
    ),
    "validation without labels": (
        lambda: (classifier(), (INPUTS, CLASSES), INPUTS),
        {},
        "`validation_data` must have labels, as `train` has. Received: ",
    ),
    "weights of classes by text": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"class_weight": {"0": 2.0}},
        "`class_weight` must be a dictionary of weights by class number. ",
    ),
    "weights of classes without labels": (
        lambda: (
            classifier(),
            tf.data.Dataset.from_tensor_slices(INPUTS).batch(32),
        ),
        {"class_weight": {0: 2.0}},
        "`class_weight` needs batches (inputs, labels) with one array of ",
    ),
    "weights of classes of labels by name": (
        lambda: (classifier(), (INPUTS, {"end_0": CLASSES})),
        {"class_weight": {0: 2.0}},
        "`class_weight` needs batches (inputs, labels) with one array of ",
    ),
    "no augmentation": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"augmentation": None},
        "`augmentation` must be a lit_tf.config.Augmentation. Received: ",
    ),
    "no norm to clip at": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"clip_norm": None},
        "`clip_norm` must be a number. Received: clip_norm=None.",
    ),
    "more parts than a batch of arrays has examples": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"batch_size": 8, "microbatches": 9},
        "`microbatches` must be at most the 8 examples of a batch. Received: "
        "microbatches=9.",
    ),
    "more parts than a batch of a dataset has examples": (
        lambda: (
            classifier(),
            tf.data.Dataset.from_tensor_slices((INPUTS, CLASSES)).batch(40),
        ),
        {"microbatches": 41},
        "`microbatches` must be at most the 40 examples of a batch. Received: "
        "microbatches=41.",
    ),
    "class weights without classes": (
        lambda: (built((1,)), (INPUTS, VALUES)),
        {"class_weight": {0: 2.0}, "outputs": lit_tf.outputs.Values()},
        "`class_weight` is for a model of exclusive classes. Weigh the",
    ),
    "a number as budget": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"budget": 30},
        "`budget` must be text, such as '30min'. Received: budget=30.",
    ),
    "the class of an optimizer": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"optimizer": keras.optimizers.Adam},
        "`optimizer` must be the name of an optimizer, or an optimizer of",
    ),
    "clipping for an optimizer of one's own": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"optimizer": keras.optimizers.Adam(), "clip_norm": 1.0},
        "`clip_norm` and `ema` are for the optimizers by name. Set "
        "`global_clipnorm`, `use_ema`",
    ),
    "augmentation in a dictionary": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"augmentation": {"mixup": 0.2}},
        "`augmentation` must be a lit_tf.config.Augmentation. Received: ",
    ),
    "a callback that assigns averages": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"callbacks": keras.callbacks.SwapEMAWeights()},
        "Averages of the weights are validated without SwapEMAWeights.",
    ),
    "the best weights with averages": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"callbacks": BEST, "ema": 0.9},
        "Averages of the weights are returned, and the best ones are kept",
    ),
    "the best weights with averages of an optimizer": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {
            "callbacks": BEST,
            "optimizer": keras.optimizers.Adam(use_ema=True),
        },
        "Averages of the weights are returned, and the best ones are kept",
    ),
    "mixed vectors": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"augmentation": config.Augmentation(mixup=0.2)},
        "`mixup` vary images, and own data has no images. Set them to 0.",
    ),
    "smoothed labels that are numbers": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"outputs": lit_tf.outputs.Values(), "label_smoothing": 0.1},
        "`label_smoothing` is for exclusive classes and independent labels.",
    ),
    "a kind of output by name": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"outputs": "classes"},
        "`outputs` must be a kind of output, such as",
    ),
    "a callback that sets the rate": (
        lambda: (classifier(), (INPUTS, CLASSES)),
        {"callbacks": keras.callbacks.ReduceLROnPlateau()},
        "ReduceLROnPlateau sets the learning rate, which warm-up and cosine",
    ),
    "validation data of another shape": (
        lambda: (classifier(), (INPUTS, CLASSES), (INPUTS[:, :3], CLASSES)),
        {},
        "mine cannot be called on the first examples of `validation_data` (",
    ),
    "an empty validation set": (
        lambda: (classifier(), (INPUTS, CLASSES), (INPUTS[:0], CLASSES[:0])),
        {},
        "`validation_data` has no examples.",
    ),
    "a dataset that ends early": (
        lambda: (classifier(), iter([(INPUTS[:32], CLASSES[:32])] * 3)),
        {"steps_per_epoch": 2, "epochs": 3},
        "The training data ended early, after batch 1 of 2 in epoch 2.",
    ),
    "a model at chance": (
        lambda: (
            classifier(),
            (INPUTS, CLASSES),
            (INPUTS.repeat(10, axis=0), np.arange(960) % 2),
        ),
        {"min_teacher_accuracy": -1},
        "The model must be better than chance on 960 examples.",
    ),
}


@pytest.mark.filterwarnings("ignore:.*ran out of data")
@pytest.mark.parametrize(
    ("make", "changes", "sentence"), REFUSED.values(), ids=REFUSED.keys()
)
def test_bad_input_is_refused_in_one_sentence(make, changes, sentence):
    with pytest.raises(errors.ALL) as error:
        compress(*make(), **changes)
    assert str(error.value).startswith(sentence)


def _images(outputs, units):
    """Returns the mixing of images for a model with some outputs."""
    x = keras.Input((4, 4, 3))
    y = keras.layers.Dense(units)(keras.layers.Flatten()(x))
    dataset = own_data.read(
        (np.zeros((8, 4, 4, 3)), np.arange(8) % 2), rank=4, batch_size=4
    )
    return arguments.augmented(
        dataset, config.Augmentation(mixup=0.2), outputs, keras.Model(x, y)
    ).mixing


@pytest.mark.parametrize(("units", "classes"), [(1, 2), (5, 5)])
def test_images_of_exclusive_classes_are_mixed(units, classes):
    mixing = _images(lit_tf.outputs.Classes(), units)
    assert (mixing.classes, mixing.mixup, mixing.cutmix) == (classes, 0.2, 0)


FOCAL = keras.losses.CategoricalFocalCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    "outputs",
    [
        lit_tf.outputs.Values(),
        lit_tf.outputs.Labels(),
        lit_tf.outputs.Classes(loss=FOCAL),
    ],
)
def test_images_of_other_outputs_are_not_mixed(outputs):
    with pytest.raises(errors.SettingsError, match="one of several exclusive"):
        _images(outputs, 5)
