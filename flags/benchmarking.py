"""Flags of `lit-benchmark`."""

from absl import flags

from lit_tf import config

flags.DEFINE_string(
    "teacher",
    config.Benchmark.teacher,
    "Architecture of the teacher, such as resnet110; its weights are random.",
)
flags.DEFINE_string(
    "student",
    config.Benchmark.student,
    "Architecture of the student, such as resnet20.",
)
flags.DEFINE_string(
    "dataset",
    config.Benchmark.dataset,
    "Data set whose inputs and classes the models have: digits, cifar10, "
    "cifar100. Its files are needed for --data=real alone.",
)
flags.DEFINE_enum(
    "data",
    config.Benchmark.data,
    config.BENCHMARK_DATA,
    "random: pixels and labels in the data set's form, through its own "
    "pipeline; real: the data set.",
)
flags.DEFINE_string(
    "data_dir",
    config.Benchmark.data_dir,
    "Folder with the data set's official files, for --data=real.",
)
flags.DEFINE_boolean(
    "download",
    config.Benchmark.download,
    "Let TensorFlow Datasets fetch what --data_dir does not hold.",
)
flags.DEFINE_integer(
    "batch_size", config.Benchmark.batch_size, "Examples a step."
)
flags.DEFINE_enum(
    "dtype",
    config.Benchmark.dtype,
    config.DTYPES,
    "Keras policy of the computation; variables stay float32.",
)
flags.DEFINE_enum(
    "jit_compile",
    config.Benchmark.jit_compile,
    config.JIT_COMPILE,
    "XLA; auto: on for a single GPU, off elsewhere.",
)
flags.DEFINE_string(
    "device",
    config.Benchmark.device,
    "Device to compute on, such as CPU:0 or GPU:0. Default: TensorFlow's "
    "choice.",
)
flags.DEFINE_integer(
    "steps",
    config.Benchmark.steps,
    "Timed rounds, in each of which every piece has its turn.",
)
flags.DEFINE_integer(
    "growth_steps",
    config.Benchmark.growth_steps,
    "Steps of phase lit over which --memory looks for growth.",
)
flags.DEFINE_integer(
    "seed", config.Benchmark.seed, "Seed of weights, data and order."
)
flags.DEFINE_boolean(
    "memory",
    config.Benchmark.memory,
    "Measure what teacher, student and phase lit keep in memory, each in a "
    "process of its own (Linux).",
)
flags.DEFINE_boolean(
    "profile",
    config.Benchmark.profile,
    "Say where the time of a step of phase lit goes, by op (CPU).",
)
flags.DEFINE_string("json", "", "File to write the figures to, as JSON.")
