"""Flags of how the frozen teacher is asked."""

from absl import flags

from lit_tf import config

flags.DEFINE_enum(
    "teacher_dtype",
    config.Frozen.teacher_dtype,
    config.TEACHER_DTYPES,
    "What the teacher computes in; auto: float32 under --dtype=float32, else "
    "the half precision that the device is fast in.",
)
flags.DEFINE_enum(
    "teacher_cache",
    config.Frozen.teacher_cache,
    config.TEACHER_CACHES,
    "Keep the teacher's answers and ask it about each view of an example once; "
    "on disk other runs find them. The size is printed first.",
)
flags.DEFINE_integer(
    "teacher_cache_views",
    config.Frozen.teacher_cache_views,
    "Variations of each training example that a cached teacher is asked about; "
    "epochs take them by turns.",
)
