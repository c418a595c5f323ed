"""Settings of the dataset: its name, validation split and preprocessing."""

import dataclasses

from lit_tf import errors
from lit_tf.config import choices
from lit_tf.config.augmentation import Augmentation
from lit_tf.config.setting import (
    AT_LEAST_0,
    AT_LEAST_1,
    BELOW_1,
    SEED,
    Check,
    Group,
    setting,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data(Group):
    """The dataset, its validation split and its preprocessing."""

    dataset: str = setting(
        "auto",
        "Dataset. Built in: digits (comes with scikit-learn), cifar10, "
        "cifar100, amazon_full, amazon_polarity, and celeba (images with "
        "attributes). Your own: image_classes, one folder of images per "
        "class, optionally under train/, val/ and test/; npz, a file with "
        "x_train, y_train, x_test and y_test; tfrecords, train*.tfrecord and "
        "test*.tfrecord with an encoded image and a label each; tfds:NAME, "
        "images and classes of TensorFlow Datasets; csv, train.csv and "
        "test.csv with a row per text: a label from 1, then the text in one "
        "or more columns, or the text alone for a teacher that returns "
        "vectors; image_folder, images in images/ or next to "
        "attributes.csv, which has a header of attribute names and a row per "
        "image: a file name, then 0 or 1 per attribute. Default: auto, the "
        "kind found in --data_dir; digits without --data_dir.",
        common=True,
    )
    inputs: tuple[str, ...] = setting(
        (),
        "Names of the inputs in the data, if an example has several, such as "
        "image,metadata: an npz file then has image_train, metadata_train and "
        "y_train, a tfrecords file the features image, metadata and label. "
        "Default: the inputs of the model, if it has several.",
    )
    validation_fraction: float = setting(
        0.1,
        "Fraction of the training examples, in [0, 1), that is used for "
        "validation instead of training. With 0 there is no best epoch, and "
        "only the last student is reported.",
        check=BELOW_1,
    )
    split_seed: int = setting(
        0,
        "Seed of the choice of validation examples. It is separate from "
        "--seed, so that runs with different seeds validate on the same "
        "examples.",
        check=SEED,
    )
    text_length: int = setting(
        1014,
        "Number of characters read of each text. Longer texts are cut, "
        "shorter ones are padded.",
        check=AT_LEAST_1,
    )
    preprocessor: str = setting(
        "",
        "Preprocessor of KerasHub that turns texts into token ids: a .keras "
        "file of a model that has one, or a folder with preprocessor.json, "
        "such as a preset. Default: that of the model, or the one in its run "
        "folder; without any, texts are read as characters.",
    )
    sequence_length: int = setting(
        0,
        "Number of token ids of a text. Longer texts are cut, shorter ones "
        "padded. Default: 0, the preprocessor's own.",
        check=AT_LEAST_0,
    )
    length_buckets: int = setting(
        0,
        "Number of fixed lengths to which token ids are padded in training, in "
        "batches of texts of like length. For models that mask padding. "
        "Default: 0, all are padded to --sequence_length.",
        check=Check("in [0, 32]", lambda value: 0 <= value <= 32),
    )
    attributes: tuple[str, ...] = setting(
        (),
        "Image attributes to learn, such as Black_Hair,Male,Young. Default: "
        "for celeba Black_Hair, Blond_Hair, Brown_Hair, Male and Young; for "
        "image_folder all attributes in attributes.csv.",
    )
    exclusive: tuple[str, ...] = setting(
        (),
        "Groups of attributes of which a target has exactly one. Join the "
        "names in a group by +, such as Trouser+Dress+Coat. Default: for "
        "celeba the hair colours among --attributes; for image_folder none.",
    )
    image_size: int = setting(
        128,
        "Side in pixels to which your own images, and images with "
        "attributes, are resized. For images with attributes it must be a "
        "multiple of 4. Default: 128; for your own images the input size of "
        "the teacher.",
        check=AT_LEAST_1,
    )
    image_width: int = setting(
        0,
        "Width in pixels of your own images, if they are not square; "
        "--image_size is then their height. Default: 0, which is the input "
        "width of the teacher, or --image_size.",
        check=AT_LEAST_0,
    )
    image_channels: int = setting(
        3,
        "Channels of your own images: 3 for RGB, 1 for grey. Default: 3; with "
        "a teacher its number of input channels.",
        check=Check("1 or 3", lambda value: value in (1, 3)),
    )
    decoding: str = setting(
        "auto",
        "When images in files are decoded and resized: once, to pixels in "
        "--cache_dir, or always, at every read. auto: once if the pixels take "
        "at most 4 GiB or are there already, else always.",
        choices=choices.DECODING,
    )
    crop_size: int = setting(
        0,
        "Side in pixels of the central square that is cut out of an image "
        "with attributes before it is resized. Default: 0, which is 178 for "
        "celeba and the largest square for image_folder.",
        check=AT_LEAST_0,
    )
    pad: int = setting(
        -1,
        "Black pixels added on each side of a training image before a random "
        "crop of the image's size. Default: -1, which is 4 for cifar10 and "
        "cifar100 and 0 for other datasets.",
        check=Check(
            "≥ 0, or -1 for the dataset's own", lambda value: value >= -1
        ),
    )
    flip: str = setting(
        "auto",
        "Whether training images are mirrored left to right with probability "
        "1/2. auto: on for all datasets except digits and npz.",
        choices=choices.FLIPS,
    )
    augmentation: Augmentation = Augmentation()

    def __post_init__(self):
        super().__post_init__()
        errors.require(
            all(self.attributes)
            and len(set(self.attributes)) == len(self.attributes),
            "`attributes` must be names, without duplicates.",
            attributes=self.attributes,
        )
        errors.require(
            all(self.inputs) and len(set(self.inputs)) == len(self.inputs),
            "`inputs` must be names, without duplicates.",
            inputs=self.inputs,
        )
        names = [name for group in self.groups for name in group]
        errors.require(
            all(names) and all(len(group) > 1 for group in self.groups),
            "`exclusive` must be groups of two or more names, joined by +.",
            exclusive=self.exclusive,
        )
        errors.require(
            len(set(names)) == len(names),
            "`exclusive` must contain each attribute only once.",
            exclusive=self.exclusive,
        )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the user's own images."""
        width = self.image_width or self.image_size
        return self.image_size, width, self.image_channels

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The names in each group of `exclusive`."""
        return tuple(tuple(group.split("+")) for group in self.exclusive)
