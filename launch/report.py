"""lit-report: ways of training, side by side."""

from lit_tf.flags import config as flags_config
from lit_tf.flags import reporting
from lit_tf.launch import command

ABOUT = (
    "sets finished runs of lit-compress side by side: tables, figures, one "
    "page. Folders of runs may be given too."
)
TOPICS = (reporting,)


def _report(line, folders):
    del line
    names = ("output", "reference", "mixed", "overwrite")
    command.load("comparison.gather").gather(
        folders, **{name: flags_config.value(name) for name in names}
    )


def main():
    """Runs the command."""
    command.run(_report, ABOUT, TOPICS, takes="DIR")


if __name__ == "__main__":
    main()
