"""Flags that are not settings of a run, one dataclass per command."""

import dataclasses

from lit_tf.config.deployment import Deployment
from lit_tf.config.setting import REQUIRED, Group, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Group):
    """The flag that names a recipe."""

    recipe: str = setting(
        "",
        "Packaged experiment. Flags on the command line override its flags.",
        common=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Code(Group):
    """The flag that names modules with the user's own code."""

    custom_objects: tuple[str, ...] = setting(
        (),
        "Modules with your own code, such as my_layers, imported from "
        "Python's path or the current folder before a model is loaded. They "
        "register layers with keras.saving.register_keras_serializable. Code "
        "inside a model file is never run.",
        common=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compress(Recipe, Code):
    """Flags of lit-compress."""

    dry_run: bool = setting(
        False,
        "Train nothing: build and check everything, time one step of each "
        "phase, and print the cost of both models and the estimated time.",
        common=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan(Code):
    """Flags of lit-plan."""

    model: str = setting(
        REQUIRED,
        "Model to plan for: a .keras file, or a run folder for the teacher in "
        "it.",
    )
    sections: int = setting(
        0,
        "Number of sections into which the model is cut. Default: 0, those "
        "that the model has; otherwise one for each row of blocks of one "
        "shape.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tune(Compress):
    """Flags of lit-tune."""

    parallel: int = setting(
        1,
        "Number of trials that run at the same time on the same devices.",
        common=True,
    )
    print_commands: bool = setting(
        False,
        "Run nothing, but print the commands of the unfinished trials of the "
        "current stage, one per line, to be run elsewhere. When they have "
        "finished, the same lit-tune command prints those of the next stage, "
        "and after the last stage writes the chosen flags.",
        common=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Benchmark(Code):
    """Flags of lit-benchmark."""

    json: str = setting("", "JSON file for the results.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate(Recipe, Code):
    """Flags of lit-evaluate."""

    model: str = setting(
        REQUIRED,
        "Model to evaluate: a .keras file, a run folder or a SavedModel "
        "folder.",
    )
    discriminator_weights: str = setting(
        "",
        "Discriminator with which a generator is evaluated, a .keras file. "
        "Default: the one next to its teacher or next to the generator.",
    )
    teacher_weights: str = setting(
        "",
        "Teacher with whose outputs the model's are compared: a .keras file "
        "or a run folder.",
    )
    json: str = setting("", "JSON file for the results.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export(Recipe, Code, Deployment):
    """Flags of lit-export."""

    model: str = setting(
        REQUIRED, "Model to export: a .keras file or a run folder."
    )
    output: str = setting(
        REQUIRED,
        "Folder for the SavedModel, or path of the .keras or .tflite file.",
    )
    overwrite: bool = setting(
        False, "Replace an existing export of the same format at --output."
    )
    texts: bool = setting(
        False,
        "Put the tokenizer of --preprocessor into the SavedModel, which then "
        "takes strings. It is loaded after `import tensorflow_text`.",
    )
    teacher_weights: str = setting(
        "",
        "Teacher that is measured too: a .keras file or a run folder. Default: "
        "that of the run folder, if it has one.",
    )
    json: str = setting("", "JSON file for the results.")

    def __post_init__(self):
        super().__post_init__()
        self.for_path(self.output)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Import(Code):
    """Flags of lit-import."""

    source: str = setting(
        REQUIRED,
        "Weights to import: a PyTorch checkpoint (.pt, .pth, .th), a "
        ".safetensors or .npz file, or a Keras model (.keras, .h5).",
    )
    model: str = setting(
        "",
        "Architecture of a checkpoint, such as resnet56; or bert, an encoder "
        "with Hugging Face's names, which becomes one of KerasHub. A Keras "
        "model contains its architecture.",
    )
    dataset: str = setting(
        "",
        "Dataset with the model's input shape and classes: digits, cifar10, "
        "cifar100, amazon_full, amazon_polarity. Its files are not needed. "
        "An encoder (--model=bert) has none; other models must name one.",
    )
    normalization: str = setting(
        "",
        "Normalization of the pixels with which the weights were trained: "
        "imagenet, the name of a dataset for that dataset's, none for raw "
        "pixels, or numbers separated by commas: the mean of each channel, "
        "then the standard deviation of each, of pixels divided by 255. It "
        "becomes part of the stem. Default: none for a Keras model. Texts "
        "have none.",
    )
    output: str = setting(REQUIRED, "Path of the .keras file to write.")
    overwrite: bool = setting(False, "Replace an existing file at --output.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report(Group):
    """Flags of lit-report."""

    output: str = setting(
        "runs/report",
        "Folder for report.md, report.html, rows.json and the figures.",
    )
    reference: str = setting(
        "",
        "Name of the row with which the other rows of the same student are "
        "compared, in the tables that have it. Default: of the rows with the "
        "same start (--init) lit with default settings or, without it, the "
        "first row.",
    )
    measure_latency: bool = setting(
        True,
        "Measure the latency of all students anew, in turn in one process, if "
        "the runs have their SavedModels. Otherwise it is the median of what "
        "the runs with the same student measured.",
    )
    mixed: bool = setting(
        False,
        "Accept runs with different data or versions. The report states the "
        "differences.",
    )
    overwrite: bool = setting(False, "Replace an existing report at --output.")
