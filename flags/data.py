"""Flags of the data."""

from absl import flags

from lit_tf import config

flags.DEFINE_string(
    "dataset",
    config.Data.dataset,
    "Data set: digits (comes with scikit-learn), cifar10, cifar100, "
    "amazon_full, amazon_polarity; celeba, of pictures and their attributes. "
    "Your own: image_classes, a folder of images a class, perhaps in train/ "
    "and test/; npz, a file of x_train, y_train, x_test, y_test; tfrecords, "
    "train*.tfrecord and test*.tfrecord of an encoded image and a label; "
    "tfds:NAME, images and classes of TensorFlow Datasets; csv, "
    "a train.csv and a test.csv, a row a label from 1 and a text in one or "
    "more columns; image_folder, pictures in images/ or beside an "
    "attributes.csv, a row a file's name and a 0 or 1 an attribute, under a "
    "line of their names. "
    "Default: auto, which of your own --data_dir holds, without one digits.",
)
flags.DEFINE_string(
    "data_dir",
    config.Session.data_dir,
    "Folder with the data set's files: the official archive or what it "
    "unpacks to, or your own; of npz also the file itself.",
)
flags.DEFINE_integer(
    "pad",
    config.Data.pad,
    "Pixels of black around a training image, out of which its size is cut "
    "anywhere. Default: -1, of cifar10 and cifar100 4, of others 0.",
)
flags.DEFINE_enum(
    "flip",
    config.Data.flip,
    config.FLIPS,
    "Whether half of the training images are mirrored left to right. Default: "
    "auto, which they are but for digits and npz.",
)
flags.DEFINE_boolean(
    "download",
    config.Session.download,
    "Let TensorFlow Datasets fetch what --data_dir does not hold.",
)
