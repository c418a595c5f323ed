"""Flags of the data."""

from absl import flags

from lit_tf import config

flags.DEFINE_string(
    "dataset",
    config.Data.dataset,
    "Data set: digits (comes with scikit-learn), cifar10, cifar100, "
    "amazon_full, amazon_polarity, csv: a train.csv and a test.csv of your "
    "own, a row a label from 1 and a text in one or more columns; of pictures "
    "and their attributes celeba, or image_folder: your own pictures, in "
    "images/ or beside an attributes.csv, a row a file's name and a 0 or 1 an "
    "attribute, under a line of their names.",
)
flags.DEFINE_string(
    "data_dir",
    config.Session.data_dir,
    "Folder with the data set's official files: the archive or what it "
    "unpacks to.",
)
flags.DEFINE_boolean(
    "download",
    config.Session.download,
    "Let TensorFlow Datasets fetch what --data_dir does not hold.",
)
