"""The report of an export: its facts, its table, its file."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from lit_tf.config.deployment import Deployment
from lit_tf.experiment import hardware
from lit_tf.sections import cost
from lit_tf.utils import atomic_files, text_format, versions

# Facts of a role that are not metrics, or that compare it with the model.
_COSTS = ("name", "bytes", "latency_ms")
_AGAINST = ("agreement", "difference")


@dataclasses.dataclass(frozen=True)
class Exported:
    """The result of an export. `print` shows its table.

    Args:
        facts: everything that was checked and measured: `check`, and `teacher`,
            `model` and `export` with metrics, `bytes` and `latency_ms`.
    """

    facts: Mapping[str, Any]

    @property
    def table(self) -> str:
        """Teacher, model and export in Markdown, after a sentence."""
        parts = sentence(self.facts), table(self.facts)
        return "\n\n".join(filter(None, parts))

    def __str__(self) -> str:
        return self.table

    __repr__ = __str__


def facts(
    how: Deployment,
    output: str,
    checked: Mapping[str, Any],
    roles: Mapping[str, Mapping[str, Any]],
    *,
    calibrated_on: int,
    drawn: bool = True,
) -> dict[str, Any]:
    """Returns the facts of an export.

    Args:
        how: the settings of the export.
        output: the path of the file or folder.
        checked: what `Format.write` returned.
        roles: `name`, metrics, `bytes` and `latency_ms` of "teacher", "model"
            and "export"; {} if nothing was measured.
        calibrated_on: number of examples on which int8 was calibrated.
        drawn: whether the seed chose them.

    Returns:
        `format`, `quantize`, `output`; `check`; for int8 `calibration`; and
        each role, with the numbers of threads and the hardware.
    """
    found = {
        "format": how.format,
        "quantize": how.quantize,
        "output": str(output),
        "check": dict(checked),
    }
    if how.quantize == "int8":
        found["calibration"] = {
            "examples": calibrated_on,
            **({"seed": how.seed} if drawn else {}),
            "integer_io": how.integer_io,
        }
    if roles:
        litert = {"litert": how.threads} if how.format == "litert" else {}
        found |= {
            **roles,
            "latency_threads": {"tensorflow": cost.threads()} | litert,
        }
    return found | {
        "hardware": hardware.found(),
        "versions": versions.installed(),
    }


def _path(folder, how):
    return folder / f"export_{how.name}.json"


def check_writable(folder: pathlib.Path, how: Deployment) -> None:
    """Checks that the facts can be written into a run folder.

    Raises:
        DataError: if they cannot.
    """
    atomic_files.check_writable(_path(folder, how))


def write(
    facts: Mapping[str, Any], folder: pathlib.Path, how: Deployment
) -> pathlib.Path:
    """Writes the facts into a run folder, and returns the path of the file."""
    path = _path(folder, how)
    atomic_files.write_json(path, dict(facts))
    return path


def sentence(facts: Mapping[str, Any]) -> str:
    """Returns what was written, and how its outputs differ from the model's."""
    check = facts["check"]
    same = check.get("same_class")
    agreement = "" if same is None else f", and {same:.2%} have the same class"
    quantized = facts["quantize"]
    of = f" ({quantized})" if quantized != "none" else ""
    return (
        f"Wrote {facts['output']}{of}. Its outputs differ from the model's by "
        f"at most {check['max_difference']:.1e}, on {check['checked_on']} "
        f"examples{agreement}."
    )


def table(facts: Mapping[str, Any]) -> str:
    """Returns teacher, model and export in Markdown; "" if not measured."""
    roles = [r for r in ("teacher", "model", "export") if r in facts]
    if not roles:
        return ""
    names = [name for name in facts["export"] if name not in _COSTS + _AGAINST]
    compared = "agreement" in facts["export"]
    head = ["", *(name.replace("_", " ") for name in names)]
    rows = [(*head, *["same class"] * compared, "size", "latency, batch 1")]
    for role in roles:
        one = facts[role]
        same = one.get("agreement")
        rows.append(
            (
                _label(facts, role),
                *(text_format.metric(name, one.get(name)) for name in names),
                *["—" if same is None else f"{same:.2%}"] * compared,
                text_format.size(one["bytes"]),
                f"{one['latency_ms']:.2f} ms",
            )
        )
    return f"{text_format.table(rows)}\n\n{_threads(facts)}"


def _threads(facts):
    """Returns on how many threads the latency was measured."""
    names = {"tensorflow": "TensorFlow", "litert": "LiteRT"}
    counts = " and ".join(
        f"{names[name]} on {count} thread{'s' * (count != 1)}"
        for name, count in facts["latency_threads"].items()
    )
    return f"Latency: {counts}."


def _label(facts, role):
    """Returns the heading of a row."""
    if role != "export":
        return facts[role]["name"]
    quantized = facts["quantize"]
    return " ".join([facts["format"], *[quantized] * (quantized != "none")])
