"""Settings of a benchmark of small models."""

from lit_tf.benchmark.settings import Settings

TINY = Settings(
    teacher="small6",
    student="small6",
    dataset="digits",
    batch_size=8,
    steps=2,
    growth_steps=3,
    memory=True,
    profile=True,
)
