"""The table of commands: what each one does and which flags it takes."""

import dataclasses
from collections.abc import Mapping

from lit_tf import config
from lit_tf.benchmark.settings import Settings
from lit_tf.config import flatten
from lit_tf.flags import options, topics
from lit_tf.tuning.settings import Tune

_ALL = tuple(topics.TOPICS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Path:
    """An argument without a flag's name: the path that is a flag's value.

    Args:
        flag: the name of the flag.
        shown: the name of the argument in the help text.
        about: what it is the path of, for messages.
        hint: what else the user may have meant, a sentence for messages.
    """

    flag: str
    shown: str
    about: str
    hint: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Need:
    """Flags one of which must be set if a command gets paths as arguments.

    Args:
        flags: the names of the flags.
        missing: the sentence that says what is missing.
        example: what to add to the command line.
    """

    flags: tuple[str, ...]
    missing: str
    example: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """What a command does and takes.

    Args:
        about: what the command does, without the subject.
        examples: command lines.
        options: the dataclass of the flags that are not settings.
        settings: the dataclass of the settings that are flags.
        topics: the topics of `settings` that the command takes.
        aliases: other names of flags, by alias.
        paths: the arguments that are values of flags, in order.
        needs: what must be set too if such arguments are given.
        arguments: the name of any number of further arguments; "" when the
            command takes none.
    """

    about: str
    examples: tuple[str, ...]
    options: type
    settings: type = config.Compress
    topics: tuple[str, ...] = _ALL
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    paths: tuple[Path, ...] = ()
    needs: tuple[Need, ...] = ()
    arguments: str = ""


_MODEL = "a trained model: a .keras file or a run folder"
_DATA = Path(
    flag="data_dir",
    shown="DATA",
    about="your data, such as a folder with a folder of images "
    "for each class, or an .npz file",
    hint=" A dataset of lit_tf is named by a flag, such as --dataset=cifar10.",
)

COMMANDS: Mapping[str, Command] = {
    "lit-compress": Command(
        about="trains a shallow student from a deep teacher and compares them.",
        examples=(
            "lit-compress --recipe=quickstart",
            "lit-compress my_model.keras my_images/ --compression=2.5",
            "lit-compress --teacher_weights=my_model.keras --keep=2,3,2 "
            "--data_dir=data.npz --dry_run",
        ),
        options=options.Compress,
        paths=(
            Path(flag="teacher_weights", shown="MODEL", about=_MODEL),
            _DATA,
        ),
        needs=(
            Need(
                flags=("data_dir", "dataset", "recipe"),
                missing="DATA is missing, the path of your data.",
                example=("my_images/", "--compression=2"),
            ),
            Need(
                flags=("compression", "keep", "student", "recipe"),
                missing="The size of the student is missing: --compression, "
                "how many times fewer FLOPs it has, or --keep, the number of "
                "blocks of each section.",
                example=("--compression=2",),
            ),
        ),
    ),
    "lit-plan": Command(
        about="shows where a model can be cut, and what each compression "
        "would leave of it.",
        examples=("lit-plan my_model.keras",),
        options=options.Plan,
        topics=(),
        paths=(Path(flag="model", shown="MODEL", about=_MODEL),),
    ),
    "lit-teach": Command(
        about="trains a teacher for lit-compress --teacher_weights.",
        examples=(
            "lit-teach --recipe=quickstart",
            "lit-teach --teacher=resnet56 --dataset=cifar10 --data_dir=DIR",
        ),
        options=options.Recipe,
        settings=config.Teach,
        aliases={"model": "teacher"},
    ),
    "lit-tune": Command(
        about="chooses temperature, alpha and beta on the validation split. "
        "It takes the flags of lit-compress and runs it for each trial.",
        examples=(
            "lit-tune --recipe=quickstart --teacher_weights=teacher.keras "
            "--small_student=resnet8",
            "lit-tune --teacher_weights=my_model.keras --data_dir=my_images/ "
            "--compression=2",
        ),
        options=options.Tune,
        settings=Tune,
    ),
    "lit-evaluate": Command(
        about="evaluates a saved model on the test split.",
        examples=(
            "lit-evaluate student.keras my_images/",
            "lit-evaluate --model=student.keras --dataset=cifar10 "
            "--data_dir=DIR",
        ),
        options=options.Evaluate,
        paths=(
            Path(
                flag="model",
                shown="MODEL",
                about=f"{_MODEL}, or a SavedModel folder",
            ),
            _DATA,
        ),
        # FID compares with the images that a run with the same flags trains
        # on, which the validation split determines.
        topics=(
            "Data",
            "Validation split",
            "Augmentation",
            "Texts",
            "Images",
            "FID and Inception score",
        ),
    ),
    "lit-export": Command(
        about="writes a model that maps raw inputs to probabilities as a "
        "SavedModel, a Keras file or a LiteRT file, checks it and measures it.",
        examples=(
            "lit-export --model=student.keras --output=saved_model",
            "lit-export --model=runs/quickstart --format=litert "
            "--quantize=int8 --output=student.tflite",
        ),
        options=options.Export,
        topics=("Data", "Augmentation", "Texts", "Images"),
    ),
    "lit-import": Command(
        about="converts weights from elsewhere to a model that maps raw "
        "inputs to logits.",
        examples=(
            "lit-import --source=resnet56.pth --model=resnet56 "
            "--dataset=cifar10 --normalization=cifar10 --output=teacher.keras",
        ),
        options=options.Import,
        topics=("Architecture", "Texts", "Images"),
    ),
    "lit-report": Command(
        about="compares finished runs of lit-compress in tables and figures, "
        "on one page. DIR is a run folder or a folder of run folders.",
        examples=("lit-report runs/lit runs/kd --output=runs/report",),
        options=options.Report,
        topics=(),
        arguments="DIR",
    ),
    "lit-benchmark": Command(
        about="times phase lit and its parts, and compares with "
        "keras.distillation.",
        examples=(
            "lit-benchmark --teacher=resnet56 --student=resnet20",
            "lit-benchmark --teacher_weights=my_model.keras --compression=2",
        ),
        options=options.Benchmark,
        settings=Settings,
    ),
}


def flags_by_topic(command: Command) -> dict[str, list[flatten.Setting]]:
    """Returns the flags that a command takes, by topic and in its order."""
    found = {title: [] for title in topics.TOPICS}
    for one in flatten.settings_of(command.options):
        found[topics.place(one)[0]].append(one)
    for one in flatten.settings_of(command.settings):
        title, _ = topics.place(one)
        if title in command.topics:
            found[title].append(one)
    return {
        title: sorted(listed, key=lambda one: topics.place(one)[1])
        for title, listed in found.items()
        if listed
    }
