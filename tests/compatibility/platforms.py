"""On what equal bits may be expected: processor, cores and versions."""

import importlib.metadata
import os
import pathlib
import platform

_PACKAGES = ("tensorflow", "keras", "numpy")
# What of a processor decides by which instructions TensorFlow computes.
_INSTRUCTIONS = ("amx", "avx", "f16c", "fma", "sse4")


def here() -> dict[str, object]:
    """Returns what this process computes on, and with."""
    told = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "as by default"),
    }
    lines = pathlib.Path("/proc/cpuinfo")
    for line in lines.read_text().splitlines() if lines.is_file() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            told["processor"] = value.strip()
        if name.strip() == "flags":
            found = {f for f in value.split() if f.startswith(_INSTRUCTIONS)}
            told["instructions"] = " ".join(sorted(found))
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return told | {"python": platform.python_version()} | versions
