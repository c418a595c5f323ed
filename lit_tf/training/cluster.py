"""The workers in `TF_CONFIG`: their addresses, and waiting for them."""

import dataclasses
import json
import os
import socket
import time

from lit_tf import errors


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers in `TF_CONFIG`.

    Args:
        addresses: "host:port" of each worker, the chief first.
        index: index of this worker in `addresses`; 0 is the chief.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def chief(self) -> bool:
        """Whether this worker is the chief, which writes the run folder."""
        return self.index == 0


def read() -> Cluster:
    """Reads the cluster from `TF_CONFIG`.

    Raises:
        SettingsError: if `TF_CONFIG` is missing, is not JSON or does not name
            this worker.
    """
    text = os.environ.get("TF_CONFIG", "")
    wanted = (
        'TF_CONFIG must be JSON such as {"cluster": {"worker": ["host:port", '
        '…]}, "task": {"type": "worker", "index": 0}}.'
    )
    try:
        values = json.loads(text)
        jobs, task = values["cluster"], values["task"]
        kind, index = task["type"], int(task["index"])
        jobs = {job: list(map(str, names)) for job, names in jobs.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise errors.SettingsError(f"{wanted} Received: {text!r}.") from None
    if not jobs.keys() <= {"chief", "worker"} or kind not in jobs:
        raise errors.SettingsError(
            "TF_CONFIG may name the jobs worker and chief only, and its task "
            "must be one of the jobs that it names. Received: jobs "
            f"{', '.join(jobs)}; task type {kind!r}."
        )
    if not 0 <= index < len(jobs[kind]):
        raise errors.SettingsError(
            f"TF_CONFIG names {len(jobs[kind])} of type {kind!r}, so the index "
            f"must be at least 0 and below that. Received: index {index}."
        )
    chiefs = jobs.get("chief", [])
    addresses = (*chiefs, *jobs.get("worker", ()))
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise errors.SettingsError(
                "TF_CONFIG must name workers as host:port. Received: "
                f"{address!r}."
            )
    if len(set(addresses)) < len(addresses):
        raise errors.SettingsError(
            "TF_CONFIG must give each worker its own address. Received: "
            f"{', '.join(addresses)}."
        )
    return Cluster(addresses, index + (len(chiefs) if kind == "worker" else 0))


def wait_for(cluster: Cluster, seconds: float) -> None:
    """Waits until all workers listen at their addresses.

    TensorFlow itself waits for an hour and does not name the missing worker.

    Args:
        cluster: the cluster.
        seconds: the longest time to wait.

    Raises:
        DataError: if a worker cannot be reached, or this worker's port is in
            use.
    """
    port = cluster.addresses[cluster.index].rpartition(":")[-1]
    deadline = time.monotonic() + seconds
    try:
        server = socket.create_server(("", int(port)))
    except OSError as error:
        raise errors.DataError(
            f"TF_CONFIG gives this worker port {port}, but the worker cannot "
            f"listen on it ({error.strerror})."
        ) from error
    with server:
        for index, address in enumerate(cluster.addresses):
            if index == cluster.index:
                continue
            while reason := _unreachable(address):
                if time.monotonic() > deadline:
                    raise errors.DataError(
                        f"Worker {index} in TF_CONFIG, {address}, could not be "
                        f"reached within {seconds:.0f} s ({reason})."
                    )
                time.sleep(0.2)


def _unreachable(address):
    """Returns why an address cannot be reached; "" if it can."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
