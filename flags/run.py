"""Flags of how a run is computed, and where and how often it is kept."""

from absl import flags

from lit_tf import config

flags.DEFINE_string(
    "workdir",
    config.Session.workdir,
    "Folder of the run; the same command again resumes. Default: runs/RECIPE "
    "in the current folder, or runs/compress, runs/teach without a recipe; of "
    "lit-tune runs/tune.",
)
flags.DEFINE_boolean(
    "overwrite",
    config.Session.overwrite,
    "Remove what an earlier run left in --workdir, and start afresh.",
)
flags.DEFINE_integer(
    "seed", config.Run.seed, "Seed of weights, order and augmentation."
)
flags.DEFINE_enum(
    "dtype",
    config.Run.dtype,
    config.DTYPES,
    "Keras policy of the computation; variables stay float32.",
)
flags.DEFINE_enum(
    "strategy",
    config.Run.strategy,
    config.STRATEGIES,
    "default: one device; mirrored: replicas on all visible devices; "
    "multi_worker: on those of all machines that TF_CONFIG names.",
)
flags.DEFINE_boolean(
    "sync_batch_norm",
    config.Run.sync_batch_norm,
    "Let BatchNorm normalise with the statistics of the global batch, not of "
    "each replica's part.",
)
flags.DEFINE_enum(
    "jit_compile",
    config.Run.jit_compile,
    config.JIT_COMPILE,
    "XLA; auto: on for a single GPU, off elsewhere.",
)
flags.DEFINE_integer(
    "steps_per_execution",
    config.Run.steps_per_execution,
    "Steps that run between two looks at the loss: more save a GPU time, and "
    "logs and checkpoints are only as fine.",
)
flags.DEFINE_string(
    "teacher_cache_dir",
    config.Session.teacher_cache_dir,
    "Folder of --teacher_cache=disk, which runs may share. Default: "
    "teacher_cache beside --workdir.",
)
flags.DEFINE_float(
    "checkpoint_minutes",
    config.Session.checkpoint_minutes,
    "Minutes between checkpoints within an epoch; 0 for none. Several machines "
    "go by --checkpoint_steps alone.",
)
flags.DEFINE_integer(
    "checkpoint_steps",
    config.Session.checkpoint_steps,
    "Steps between checkpoints within an epoch; 0 for none.",
)
flags.DEFINE_integer(
    "log_steps",
    config.Session.log_steps,
    "Steps between log rows within an epoch; 0 for none.",
)
flags.DEFINE_float(
    "worker_minutes",
    config.Session.worker_minutes,
    "Minutes to wait for the other machines of --strategy=multi_worker.",
)
