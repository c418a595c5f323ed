"""The topics under which `--help` lists flags."""

from collections.abc import Mapping

from lit_tf import config
from lit_tf.benchmark.settings import Settings
from lit_tf.config import flatten
from lit_tf.config.deployment import Deployment
from lit_tf.flags import options
from lit_tf.tuning.settings import Tune

# Topic → its flags, as single names or as the dataclasses or phases that
# declare them. A flag belongs to the first topic that lists it.
TOPICS: Mapping[str, tuple[type | str, ...]] = {
    "Evaluation": (options.Evaluate,),
    "Export": (options.Export, Deployment),
    "Import": (options.Import,),
    "Report": (options.Report,),
    "Plan": (options.Plan,),
    "Benchmark": (Settings, options.Benchmark),
    "Search": (Tune, options.Tune),
    "Start": (options.Recipe, options.Compress, "workdir", "overwrite"),
    "Models": (
        "teacher",
        "teacher_weights",
        "min_teacher_accuracy",
        "student",
        config.Shrink,
        options.Code,
    ),
    "Architecture": (config.Architecture,),
    "Method": (
        "method",
        "init",
        "copy_ends",
        "fine_tune",
        "export",
        "read_test",
        config.Loss,
        config.Baselines,
    ),
    "Frozen teacher": (config.Frozen, "teacher_cache_dir"),
    "Data": (
        "dataset",
        "inputs",
        "data_dir",
        "download",
        "cache_dir",
        "decoding",
    ),
    "Validation split": ("validation_fraction", "split_seed"),
    "Augmentation": ("pad", "flip"),
    # Of training alone.
    "Further augmentation": (config.Augmentation,),
    "Texts": ("text_length", "preprocessor", "sequence_length"),
    # Of training alone.
    "Batches of texts": ("length_buckets",),
    "Images": (
        "attributes",
        "exclusive",
        "image_size",
        "image_width",
        "image_channels",
        "crop_size",
    ),
    "Length of training": ("epochs", "budget", "fresh_batch_norm"),
    "Phase teach": ("phase teach",),
    "Phase lit": ("phase lit",),
    "Phase fine_tune": ("phase fine_tune",),
    "Image translation": (
        "discriminator",
        "discriminator_weights",
        config.Adversarial,
        "sample_steps",
    ),
    "FID and Inception score": (
        "inception_weights",
        "download_inception",
        "feature_model",
    ),
    "Computation": (config.Compute,),
    "Logs and checkpoints": (config.Session,),
    # Settings for which no topic above is listed.
    "Other": (config.Teach, config.Compress, config.Data),
}


def place(one: flatten.Setting) -> tuple[str, int]:
    """Returns the topic of a flag, and the flag's position in it."""
    return next(
        (title, position)
        for title, members in TOPICS.items()
        for position, member in enumerate(members)
        if member in (one.name, one.group)
    )
