"""Flags of the features in which generated pictures are judged."""

from absl import flags

from lit_tf import config

flags.DEFINE_string(
    "inception_weights",
    config.Session.inception_weights,
    "File of Keras's InceptionV3 weights, in whose features FID and Inception "
    "score are told.",
)
flags.DEFINE_boolean(
    "download_inception",
    config.Session.download_inception,
    "Let Keras fetch InceptionV3's ImageNet weights for that.",
)
flags.DEFINE_string(
    "feature_model",
    config.Session.feature_model,
    "A classifier of yours (.keras), in whose features they are told instead.",
)
