"""Training on several machines: `TF_CONFIG`, waiting, and the run folder.

Every worker runs the same program on its share of each batch. The chief's run
folder is the real one. Each other worker starts with a temporary copy of it,
which is deleted at the end. The machines share only the network.
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
from lit_tf.utils import interruption

_SETTINGS = "settings.json"
# Files and folders that are not needed to resume a run.
_NOT_SENT = {".lock", "logs", "saved_model"}


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


def read_cluster() -> Cluster:
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


@functools.cache  # TensorFlow joins a cluster once per process.
def strategy() -> tf.distribute.Strategy:
    """Joins the cluster in `TF_CONFIG`, once all workers are there.

    Call it before TensorFlow computes anything.
    """
    joined = tf.distribute.MultiWorkerMirroredStrategy()
    interruption.restore_handlers()
    return joined


def join(settings: Any) -> None:
    """Joins the cluster of a run on several workers, once all are there.

    Call it before TensorFlow computes anything, thus before a model is loaded.
    Without `--strategy=multi_worker` it does nothing.

    Args:
        settings: a `Teach` or `Compress`.

    Raises:
        SettingsError: if `TF_CONFIG` is not valid.
        DataError: if another worker cannot be reached.
    """
    if settings.compute.strategy != "multi_worker":
        return
    cluster = read_cluster()
    if not strategy.cache_info().currsize:
        wait_for(cluster, 60 * settings.session.worker_minutes)
    strategy()


@contextlib.contextmanager
def in_step(settings: Any) -> Iterator[Any]:
    """Runs the context on all workers together, from the beginning to the end.

    Without `--strategy=multi_worker` it does nothing.

    Args:
        settings: a `Teach` or `Compress`.

    Yields:
        The settings for this process. On a worker other than the chief, they
        name a temporary run folder.

    Raises:
        SettingsError: if `TF_CONFIG` is not valid, or the workers were started
            with different settings.
        DataError: if another worker cannot be reached or has stopped.
    """
    if settings.compute.strategy != "multi_worker":
        yield settings
        return
    join(settings)
    cluster, joined = read_cluster(), strategy()
    try:
        if cluster.chief:
            count = len(cluster.addresses)
            print(f"chief of {count} worker{'s' * (count > 1)}", flush=True)
            _broadcast(joined, _pack(settings))
            _check_equal(joined, "")
            yield settings
        else:
            print(
                f"worker {cluster.index} of {len(cluster.addresses)}: the "
                "chief prints and writes the results",
                flush=True,
            )
            with (
                tempfile.TemporaryDirectory() as folder,
                open(os.devnull, "w") as silence,
                contextlib.redirect_stdout(silence),
            ):
                chiefs = _unpack(_broadcast(joined, b""), folder)
                _check_equal(
                    joined, flatten.differing(chiefs, _identity(settings))
                )
                yield _with_folder(settings, folder)
        # Wait for all: a worker that leaves early looks like one that failed.
        _broadcast(joined, b"")
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        raise errors.DataError(
            "Another worker has stopped. The chief's last checkpoint is kept. "
            "Start the same command on every machine to resume from it."
        ) from error


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


def _broadcast(joined, content: bytes) -> bytes:
    """Sends the chief's bytes to all workers; the others pass b""."""
    length = int(_sum(joined, np.array([len(content)]))[0])
    if not length:
        return b""
    # Pairs of bytes as float32, because every device adds these exactly.
    pairs = np.zeros(-(-length // 2), np.uint16)
    pairs.view(np.uint8)[: len(content)] = np.frombuffer(content, np.uint8)
    return _sum(joined, pairs).astype(np.uint16).tobytes()[:length]


def _sum(joined, values):
    """Returns the sum of the arrays that the workers pass."""
    cluster = read_cluster()
    replicas = joined.num_replicas_in_sync // len(cluster.addresses)

    def value(context):
        # Only the first replica of each worker contributes.
        first = context.replica_id_in_sync_group == cluster.index * replicas
        return tf.constant(values * first, tf.float32)

    @tf.function
    def reduce(per_replica):
        return joined.run(
            lambda value: tf.distribute.get_replica_context().all_reduce(
                tf.distribute.ReduceOp.SUM, tf.identity(value)
            ),
            args=(per_replica,),
        )

    per_replica = joined.experimental_distribute_values_from_function(value)
    return joined.experimental_local_results(reduce(per_replica))[0].numpy()


def _pack(settings):
    """Returns an archive of the settings and of the files to resume from."""
    root = pathlib.Path(settings.session.workdir)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        text = json.dumps(_identity(settings)).encode()
        entry = tarfile.TarInfo(_SETTINGS)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root)
            if path.is_file() and not _NOT_SENT & {path.name, *name.parts}:
                archive.add(path, str(name))
    return buffer.getvalue()


def _unpack(content, folder):
    """Unpacks the chief's archive into a folder; returns its settings."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")
    file = pathlib.Path(folder) / _SETTINGS
    settings = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return settings


def _identity(settings):
    # Through JSON, like the settings that arrive from the chief.
    return json.loads(json.dumps(flatten.identity(settings)))


def _check_equal(joined, differing):
    """Raises `SettingsError` on all workers if one has other settings."""
    if _sum(joined, np.array([float(bool(differing))]))[0]:
        received = differing or "a worker with other settings"
        raise errors.SettingsError(
            "Every worker must be started with the same settings as the chief. "
            f"Received: {received}."
        )


def _with_folder(settings, folder):
    session = dataclasses.replace(
        settings.session,
        workdir=folder,
        # The cache stays in its own folder, because later runs may reuse it.
        teacher_cache_dir=settings.session.teacher_cache_folder,
    )
    return dataclasses.replace(settings, session=session)
