"""Defaults of flags for image translation.

Those of `Compress` are the paper's, whose phase fine_tune trains a generator
against a fixed discriminator. That ruined the images in our study
(`docs/image_translation.md`), so that LIT alone is the default. A generator has
no labels and no logits, so that β would weigh the images alone.
"""

# The datasets of images with attributes.
DATASETS = ("celeba", "image_folder")
# The file that makes a data folder one of `image_folder`.
LISTING = "attributes.csv"
# By flag.
DEFAULTS = {
    "fine_tune": False,
    "discriminator": "trained",
    "export": "closest",
    "beta": 0.0,
}
