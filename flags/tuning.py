"""Flags of `lit-tune`."""

from absl import flags

from lit_tf.tuning import settings


class _Numbers(flags.ArgumentParser):
    """Reads numbers with commas between them.

    Args:
        kind: of number, `int` or `float`.
    """

    syntactic_help = "numbers with commas between them"

    def __init__(self, kind: type):
        super().__init__()
        self._kind = kind

    def parse(self, argument):
        if isinstance(argument, tuple):
            return argument
        try:
            return tuple(map(self._kind, argument.split(",")))
        except ValueError:
            raise ValueError(f"not {self.syntactic_help}") from None

    def flag_type(self):
        return f"{self._kind.__name__}s with commas between them"


def _define_numbers(name, kind, about):
    default = getattr(settings.Tune, name)
    serializer = flags.CsvListSerializer(",")
    flags.DEFINE(_Numbers(kind), name, default, about, serializer=serializer)


flags.DEFINE_string(
    "small_student",
    settings.Tune.small_student,
    "Architecture of the student on which the temperature is chosen, such as "
    "resnet8; alpha and beta are chosen on --student.",
)
_define_numbers(
    "temperatures",
    float,
    "Temperatures to try, first of all, with --alpha and --beta.",
)
_define_numbers(
    "alphas",
    float,
    "Alphas to try then, with the chosen temperature and --beta.",
)
_define_numbers(
    "betas",
    float,
    "Betas to try last, with the chosen temperature and alpha.",
)
_define_numbers(
    "seeds",
    int,
    "Seeds, instead of --seed: each value is tried with every one, and scored "
    "by the mean of the best validation accuracies. Of equals the first value "
    "in its list is chosen.",
)
flags.DEFINE_boolean(
    "prune",
    settings.Tune.prune,
    "Stop trials that will hardly win: under the first seed, those whose best "
    "validation accuracy is, after half of phase lit or later, below the "
    "median of the finished ones at the same epoch (Optuna).",
)
flags.DEFINE_integer(
    "parallel", 1, "Trials that run at a time, on the same devices."
)
flags.DEFINE_boolean(
    "print_commands",
    False,
    "Run nothing, and print the commands of the present stage's trials that "
    "have not ended, one a line, for others to run. When they have run, the "
    "same command prints those of the next stage, and at last leaves the "
    "flags.",
)
