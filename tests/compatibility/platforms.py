"""The platform on which results are equal to the bit."""

import importlib.metadata
import os
import pathlib
import platform

_PACKAGES = ("tensorflow", "keras", "numpy")
# The flags of a processor that determine which instructions TensorFlow uses.
_INSTRUCTIONS = ("amx", "avx", "f16c", "fma", "sse4")


def here() -> dict[str, object]:
    """Returns the processor, the cores and the versions of this process."""
    facts = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "as by default"),
    }
    lines = pathlib.Path("/proc/cpuinfo")
    for line in lines.read_text().splitlines() if lines.is_file() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            facts["processor"] = value.strip()
        if name.strip() == "flags":
            flags = {f for f in value.split() if f.startswith(_INSTRUCTIONS)}
            facts["instructions"] = " ".join(sorted(flags))
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return facts | {"python": platform.python_version()} | versions
