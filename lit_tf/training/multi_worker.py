"""Several machines at one run: who is who, and how they keep in step.

Every worker runs the same program on its share of each batch. The run folder
is the chief's: another worker gets a copy of it to begin with, of its own,
which is thrown away in the end. Nothing but the network has to be shared.
"""

import contextlib
import dataclasses
import functools
import io
import json
import os
import pathlib
import socket
import tarfile
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.config import flatten

_SETTINGS = "settings.json"
# What no run resumes from.
_LEFT_OUT = {".lock", "logs", "saved_model"}


@dataclasses.dataclass(frozen=True)
class Cluster:
    """What `TF_CONFIG` says: all workers' addresses, and which one this is.

    Args:
        addresses: "host:port" of every worker, the chief first.
        index: this worker's, from 0; 0 is the chief.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def chief(self) -> bool:
        """Whether this worker is the one that writes."""
        return self.index == 0


def cluster() -> Cluster:
    """Reads `TF_CONFIG`.

    Raises:
        SettingsError: it is missing, not JSON, or does not name this worker.
    """
    text = os.environ.get("TF_CONFIG", "")
    wanted = (
        'TF_CONFIG must be JSON such as {"cluster": {"worker": ["host:port", '
        '…]}, "task": {"type": "worker", "index": 0}}.'
    )
    try:
        results = json.loads(text)
        jobs, task = results["cluster"], results["task"]
        kind, index = task["type"], int(task["index"])
        jobs = {job: list(map(str, found)) for job, found in jobs.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise errors.SettingsError(f"{wanted} Received: {text!r}.") from None
    if not jobs.keys() <= {"chief", "worker"} or kind not in jobs:
        raise errors.SettingsError(
            "TF_CONFIG must name workers, perhaps a chief, and which of them "
            f"this is. Received: jobs {', '.join(jobs)}; task type {kind!r}."
        )
    if not 0 <= index < len(jobs[kind]):
        raise errors.SettingsError(
            f"TF_CONFIG names {len(jobs[kind])} of type {kind!r}, so an index "
            f"must be below that. Received: index {index}."
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
            "TF_CONFIG must give every worker an address of its own. Received: "
            f"{', '.join(addresses)}."
        )
    place = index + (len(chiefs) if kind == "worker" else 0)
    return Cluster(addresses, place)


@functools.cache  # TensorFlow joins a cluster once a process.
def strategy() -> tf.distribute.Strategy:
    """Joins the cluster that `TF_CONFIG` describes, and waits for all of it.

    To be called before TensorFlow computes anything.
    """
    return tf.distribute.MultiWorkerMirroredStrategy()


@contextlib.contextmanager
def in_step(config: Any) -> Iterator[Any]:
    """Lets this process take its part in a run, from its beginning to its end.

    Args:
        config: a `Teach` or a `Compress`.

    Yields:
        The config to run by: `config`, but with a run folder of its own where
        this is a worker and not the chief.

    Raises:
        SettingsError: `TF_CONFIG` is no cluster, or the chief was started with
            other settings.
        DataError: another worker could not be reached, or is gone.
    """
    if config.run.strategy != "multi_worker":
        yield config
        return
    everyone = cluster()
    if not strategy.cache_info().currsize:
        wait_for(everyone, 60 * config.session.worker_minutes)
    joined = strategy()
    try:
        if everyone.chief:
            count = len(everyone.addresses)
            print(f"chief of {count} worker{'s' * (count > 1)}", flush=True)
            _from_chief(joined, _packed(config))
            _agree(joined, "")
            yield config
        else:
            print(
                f"worker {everyone.index} of {len(everyone.addresses)}: the "
                "chief reports, and writes",
                flush=True,
            )
            with (
                tempfile.TemporaryDirectory() as place,
                open(os.devnull, "w") as silence,
                contextlib.redirect_stdout(silence),
            ):
                chiefs = _unpack(_from_chief(joined, b""), place)
                _agree(joined, flatten.differing(chiefs, _settings(config)))
                yield _elsewhere(config, place)
        # Who leaves earlier looks like one who died.
        _from_chief(joined, b"")
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        raise errors.DataError(
            "Another worker is gone. What the chief saved before is kept: the "
            "same command, on every machine, goes on from it."
        ) from error


def wait_for(everyone: Cluster, seconds: float) -> None:
    """Waits until every worker listens at its address.

    TensorFlow's own wait ends after an hour, with no word about whom it is for.

    Args:
        everyone: the cluster.
        seconds: how long to wait.

    Raises:
        DataError: one could not be reached, or this worker's port is taken.
    """
    port = everyone.addresses[everyone.index].rpartition(":")[-1]
    deadline = time.monotonic() + seconds
    try:
        server = socket.create_server(("", int(port)))
    except OSError as error:
        raise errors.DataError(
            f"TF_CONFIG gives this worker port {port}, which cannot be "
            f"listened on ({error.strerror})."
        ) from error
    with server:
        for index, address in enumerate(everyone.addresses):
            if index == everyone.index:
                continue
            while reason := _unreachable(address):
                if time.monotonic() > deadline:
                    raise errors.DataError(
                        f"Worker {index} at {address}, which TF_CONFIG names, "
                        f"could not be reached in {seconds:.0f} s ({reason})."
                    )
                time.sleep(0.2)


def _unreachable(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _from_chief(joined, content: bytes) -> bytes:
    """Returns the chief's bytes; every worker asks, the others with none."""
    length = int(_summed(joined, np.array([len(content)]))[0])
    if not length:
        return b""
    # Pairs of bytes as float32, which every device adds exactly.
    pairs = np.zeros(-(-length // 2), np.uint16)
    pairs.view(np.uint8)[: len(content)] = np.frombuffer(content, np.uint8)
    return _summed(joined, pairs).astype(np.uint16).tobytes()[:length]


def _summed(joined, values):
    """Returns the sum of an array over the workers, each giving one."""
    everyone = cluster()
    replicas = joined.num_replicas_in_sync // len(everyone.addresses)

    def give(context):
        # A worker's first replica gives, the others of its give nothing.
        mine = context.replica_id_in_sync_group == everyone.index * replicas
        return tf.constant(values * mine, tf.float32)

    @tf.function
    def exchange(given):
        return joined.run(
            lambda value: tf.distribute.get_replica_context().all_reduce(
                tf.distribute.ReduceOp.SUM, tf.identity(value)
            ),
            args=(given,),
        )

    given = joined.experimental_distribute_values_from_function(give)
    return joined.experimental_local_results(exchange(given))[0].numpy()


def _packed(config):
    """Returns a run's settings, and what its folder holds to resume from."""
    root = pathlib.Path(config.session.workdir)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        text = json.dumps(_settings(config)).encode()
        entry = tarfile.TarInfo(_SETTINGS)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root)
            if path.is_file() and not _LEFT_OUT & {path.name, *name.parts}:
                archive.add(path, str(name))
    return buffer.getvalue()


def _unpack(content, place):
    """Unpacks what the chief packed, and returns its settings."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(place, filter="data")
    file = pathlib.Path(place) / _SETTINGS
    settings = json.loads(file.read_text())
    file.unlink()
    return settings


def _settings(config):
    # Through JSON, as the chief's have come.
    return json.loads(json.dumps(flatten.identity(config)))


def _agree(joined, differing):
    """Ends every worker where one was started with other settings."""
    if _summed(joined, np.array([float(bool(differing))]))[0]:
        results = f"Received: {differing}." if differing else "One was not."
        raise errors.SettingsError(
            "Every worker must be started with the same settings as the chief. "
            + results
        )


def _elsewhere(config, place):
    session = dataclasses.replace(
        config.session,
        workdir=place,
        # Not there: it is to outlive the run.
        teacher_cache_dir=config.session.cache_dir,
    )
    return dataclasses.replace(config, session=session)
