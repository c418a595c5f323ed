"""Flags of `lit-benchmark`."""

from absl import flags

from lit_tf import config
from lit_tf.benchmark import settings

flags.DEFINE_string(
    "teacher",
    settings.Settings.teacher,
    "Architecture of the teacher, such as resnet110; its weights are random.",
)
flags.DEFINE_string(
    "student",
    settings.Settings.student,
    "Architecture of the student, such as resnet20.",
)
flags.DEFINE_string(
    "dataset",
    settings.Settings.dataset,
    "Data set whose inputs and classes the models have: digits, cifar10, "
    "cifar100. Its files are needed for --data=real alone.",
)
flags.DEFINE_enum(
    "data",
    settings.Settings.data,
    settings.DATA,
    "random: pixels and labels in the data set's form, through its own "
    "pipeline; real: the data set.",
)
flags.DEFINE_string(
    "data_dir",
    settings.Settings.data_dir,
    "Folder with the data set's official files, for --data=real.",
)
flags.DEFINE_boolean(
    "download",
    settings.Settings.download,
    "Let TensorFlow Datasets fetch what --data_dir does not hold.",
)
flags.DEFINE_integer(
    "batch_size", settings.Settings.batch_size, "Examples a step."
)
flags.DEFINE_enum(
    "dtype",
    settings.Settings.dtype,
    config.DTYPES,
    "Keras policy of the computation; variables stay float32.",
)
flags.DEFINE_enum(
    "teacher_dtype",
    settings.Settings.teacher_dtype,
    config.TEACHER_DTYPES,
    "What the frozen teacher computes in.",
)
flags.DEFINE_enum(
    "jit_compile",
    settings.Settings.jit_compile,
    config.JIT_COMPILE,
    "XLA; auto: on for a single GPU, off elsewhere.",
)
flags.DEFINE_string(
    "device",
    settings.Settings.device,
    "Device to compute on, such as CPU:0 or GPU:0. Default: TensorFlow's "
    "choice.",
)
flags.DEFINE_integer(
    "steps",
    settings.Settings.steps,
    "Timed rounds, in each of which every piece has its turn.",
)
flags.DEFINE_integer(
    "growth_steps",
    settings.Settings.growth_steps,
    "Steps of phase lit over which --memory looks for growth.",
)
flags.DEFINE_integer(
    "seed", settings.Settings.seed, "Seed of weights, data and order."
)
flags.DEFINE_boolean(
    "memory",
    settings.Settings.memory,
    "Measure what teacher, student and phase lit keep in memory, each in a "
    "process of its own (Linux).",
)
flags.DEFINE_boolean(
    "profile",
    settings.Settings.profile,
    "Say where the time of a step of phase lit goes, by op (CPU).",
)
flags.DEFINE_string("json", "", "File to write the figures to, as JSON.")
