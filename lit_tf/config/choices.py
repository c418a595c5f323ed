"""The values that settings with a fixed set of values may have."""

from lit_tf import errors

DTYPES = ("float32", "mixed_float16", "mixed_bfloat16")
STRATEGIES = ("default", "mirrored", "multi_worker")
PENALTIES = ("l1", "l2", "l2_normalized", "smooth_l1")
OPTIMIZERS = ("sgd", "adam", "adamw")
JIT_COMPILE = ("auto", "on", "off")
TEACHER_DTYPES = ("auto", "float32", "float16", "bfloat16")
TEACHER_CACHES = ("off", "memory", "disk", "auto")
DISCRIMINATORS = ("fixed", "trained")
EXPORTS = ("best", "last", "closest")
INITS = ("fresh", "teacher_blocks")
COMPRESSION_OF = ("flops", "parameters", "latency")
DECODING = ("auto", "once", "always")
FLIPS = ("auto", "on", "off")
CONNECTORS = ("none", "conv1x1")
SECTION_INPUTS = ("teacher", "student", "mixed")


def check_one_of(known: tuple[str, ...], **received: str) -> None:
    """Checks that a value is one of those known.

    Args:
        known: the values that are allowed.
        **received: one value, by the name of its setting.

    Raises:
        SettingsError: if it is another value.
    """
    ((name, value),) = received.items()
    errors.require(
        value in known,
        f"`{name}` must be one of {', '.join(known)}.",
        **received,
    )
