"""Flags of `lit-import`."""

from absl import flags

flags.DEFINE_string(
    "source",
    None,
    "Somebody else's weights: a PyTorch checkpoint (.pt, .pth, .th), a "
    ".safetensors or .npz file, or a Keras model (.keras, .h5).",
    required=True,
)
flags.DEFINE_string(
    "model",
    "",
    "Architecture of a checkpoint, such as resnet56; a Keras model has its "
    "own.",
)
flags.DEFINE_string(
    "dataset",
    None,
    "Data set whose inputs and classes the model has: digits, cifar10, "
    "cifar100, amazon_full, amazon_polarity. Its files are not needed.",
    required=True,
)
flags.DEFINE_string(
    "normalization",
    "",
    "What the weights were trained behind: imagenet, a data set's name (its "
    "own), none (pixels as they are), or the mean of each channel and then the "
    "standard deviation of each, of pixels divided by 255, with commas between "
    "them. It goes into the stem. Default: none, for a Keras model. Texts have "
    "none.",
)
flags.DEFINE_string("output", None, "The .keras file to write.", required=True)
flags.DEFINE_boolean(
    "overwrite", False, "Replace a file that stands at --output."
)
