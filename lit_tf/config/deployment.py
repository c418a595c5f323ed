"""Settings of an export: format, precision, and how it is measured."""

import dataclasses
import os
import pathlib
from typing import Self

from lit_tf import errors
from lit_tf.config.setting import AT_LEAST_1, SEED, Group, setting

# The precisions of each format.
PRECISIONS = {
    "saved_model": ("none",),
    "keras": ("none",),
    "litert": ("none", "float16", "dynamic", "int8"),
}
SUFFIXES = {"saved_model": "", "keras": ".keras", "litert": ".tflite"}
KINDS = {
    "saved_model": "SavedModel",
    "keras": ".keras file",
    "litert": "LiteRT file",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deployment(Group):
    """Settings of an export."""

    format: str = setting(
        "auto",
        "auto: by the suffix of the path, keras for .keras, litert for "
        ".tflite, otherwise saved_model. saved_model: a folder for TensorFlow "
        "Serving. keras: a file for Keras alone. litert: a file for phones and "
        "small devices, which needs pip install 'lit_tf[litert]'.",
        choices=("auto", *PRECISIONS),
        common=True,
    )
    quantize: str = setting(
        "none",
        "Precision of a LiteRT file. none: float32. float16: weights in half "
        "precision. dynamic: weights in int8, activations quantized as the "
        "file runs. int8: both in int8, with ranges measured on training "
        "examples.",
        choices=PRECISIONS["litert"],
        common=True,
    )
    calibration_examples: int = setting(
        256,
        "Number of training examples, drawn by --seed, on which int8 measures "
        "the ranges of activations.",
        check=AT_LEAST_1,
    )
    integer_io: bool = setting(
        False,
        "Inputs and outputs of an int8 file are int8 too, for hardware without "
        "float.",
    )
    seed: int = setting(
        0, "Seed of the choice of calibration examples.", check=SEED
    )
    threads: int = setting(
        1, "Number of threads with which latency is measured.", check=AT_LEAST_1
    )
    measure: bool = setting(
        True,
        "Measure the export, the model and its teacher on the test split, and "
        "their latency.",
    )

    def __post_init__(self):
        super().__post_init__()
        errors.require(
            self.format == "auto" or self.quantize in PRECISIONS[self.format],
            "Only `format` litert is quantized; the other formats are float32.",
            format=self.format,
            quantize=self.quantize,
        )
        errors.require(
            self.quantize == "int8" or not self.integer_io,
            "`integer_io` is for `quantize` int8.",
            quantize=self.quantize,
        )

    def for_path(self, path: str | os.PathLike) -> Self:
        """Returns the settings with the format of a path, if it is "auto".

        Args:
            path: the path to write.

        Raises:
            SettingsError: if the path has the suffix of another format, or the
                format has no such precision.
        """
        suffix = pathlib.PurePath(path).suffix
        by_suffix = {own: name for name, own in SUFFIXES.items() if own}
        of_suffix = by_suffix.get(suffix.lower(), "saved_model")
        if self.format == "auto":
            return dataclasses.replace(self, format=of_suffix).for_path(path)
        own, kind = SUFFIXES[self.format], KINDS[self.format]
        rule = f"must end in {own}" if own else f"must not end in {suffix}"
        other = ""
        if of_suffix not in ("saved_model", self.format):
            other = f"; {suffix} is for `format` {of_suffix} (--format)"
        errors.require(
            suffix == own if own else of_suffix == self.format,
            f"The path of a {kind} {rule}{other}.",
            output=str(path),
        )
        return self

    @property
    def name(self) -> str:
        """The format and the precision in one word, such as litert_int8."""
        quantized = "" if self.quantize == "none" else f"_{self.quantize}"
        return f"{self.format}{quantized}"
