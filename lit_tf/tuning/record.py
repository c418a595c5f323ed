"""Files and table of a search: `tune.json` and `tuned.flags`."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from lit_tf import errors
from lit_tf.config import flatten
from lit_tf.tuning import scores, settings, stages
from lit_tf.utils import atomic_files, json_files, text_format

FILE = "tune.json"
FLAGFILE = "tuned.flags"
NOTE = "Chosen on the validation split; the test split was not read."


def read(path: pathlib.Path) -> list[stages.Stage]:
    """Reads the stages that were decided before, in their order.

    Args:
        path: `tune.json`; it need not exist.

    Returns:
        The decided stages; an empty list if there is no file.

    Raises:
        DataError: if the file is damaged.
    """
    if not path.is_file():
        return []
    try:
        known = json_files.parse(path.read_bytes())
        return [_stage(**one) for one in known["stages"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise errors.DataError(
            f"{path} is damaged. Start again with --overwrite."
        ) from None


def write(path: pathlib.Path, decided: Sequence[stages.Stage]) -> None:
    """Writes the decided stages, with the scores of each value."""
    rows = []
    for stage in decided:
        one = dataclasses.asdict(stage)
        for value, line in zip(stage.values, one["values"], strict=True):
            line |= {"mean": value.mean, "sd": value.deviation}
        rows.append(one)
    atomic_files.write_json(path, {"note": NOTE, "stages": rows})


def flagfile(decided: Sequence[stages.Stage], command: str) -> str:
    """Returns the chosen values as a flagfile, with the scores as comments."""
    lines = [
        "Chosen by:",
        "",
        f"  {' '.join(command.split())}",
        "",
        f"{NOTE} Means over",
        f"the seeds of each run's best {decided[0].score}:",
        "",
        *table(decided).splitlines(),
    ]
    flags = (flatten.to_flag(stage.name, stage.chosen) for stage in decided)
    remarks = (f"# {line}".rstrip() for line in lines)
    return "".join(f"{line}\n" for line in (*remarks, *flags))


def table(decided: Sequence[stages.Stage]) -> str:
    """Returns the score of each value as a Markdown table."""
    rows = [
        ("stage", "value", f"validation {decided[0].score}", "seeds", ""),
        *(
            (
                " ".join([stage.name, *_student(stage)]),
                settings.number(one.value),
                _score(stage, one),
                str(len(one.accuracies)),
                _remark(stage, one),
            )
            for stage in decided
            for one in stage.values
        ),
    ]
    return text_format.table(rows)


def _student(stage):
    return [f"({stage.student})"] if stage.student else []


def _score(stage, value):
    if value.mean is None:
        return "—"
    return scores.in_words(stage.score, value.mean, value.deviation)


def _remark(stage, value):
    if value.value == stage.chosen:
        return "chosen"
    return "; ".join(
        f"seed {one.seed} {one.note}" for one in value.tried if one.note
    )


def _stage(*, values: Sequence[dict[str, Any]], **rest: Any) -> stages.Stage:
    return stages.Stage(
        values=tuple(
            stages.Value(
                value=one["value"],
                tried=tuple(stages.Tried(**tried) for tried in one["tried"]),
            )
            for one in values
        ),
        **rest,
    )
