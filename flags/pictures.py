"""Flags of how pictures and their attributes are read."""

from absl import flags

from lit_tf import config

flags.DEFINE_list(
    "attributes",
    list(config.Data.attributes),
    "Attributes of a picture that are learned, such as Black_Hair,Male,Young. "
    "Default: of celeba Black_Hair, Blond_Hair, Brown_Hair, Male and Young; of "
    "image_folder all that its attributes.csv has.",
)
flags.DEFINE_list(
    "exclusive",
    list(config.Data.exclusive),
    "Groups of attributes of which a target has exactly one, the names of a "
    "group joined by +, such as Trouser+Dress+Coat. Default: of celeba the "
    "hair colours that are learned; of image_folder none.",
)
flags.DEFINE_integer(
    "image_size",
    config.Data.image_size,
    "Side in pixels to which images of your own and pictures are resized; of "
    "pictures with attributes a multiple of 4. Default: 128; of images of your "
    "own what the teacher reads.",
)
flags.DEFINE_integer(
    "crop_size",
    config.Data.crop_size,
    "Side in pixels of the square that is cut out of a picture's centre before "
    "it is resized. Default: of celeba 178; of image_folder, with 0, the "
    "largest square.",
)
