"""Training on several machines: joining, equal settings, and the run folder.

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
import tarfile
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.config import flatten
from lit_tf.training import cluster
from lit_tf.utils import interruption

_SETTINGS = "settings.json"
# Files and folders that are not needed to resume a run.
_NOT_SENT = {".lock", "logs", "saved_model"}


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
    workers = cluster.read()
    if not strategy.cache_info().currsize:
        cluster.wait_for(workers, 60 * settings.session.worker_minutes)
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
    workers, joined = cluster.read(), strategy()
    try:
        if workers.chief:
            count = len(workers.addresses)
            print(f"chief of {count} worker{'s' * (count > 1)}", flush=True)
            _broadcast(joined, _pack(settings))
            _check_equal(joined, "")
            yield settings
        else:
            print(
                f"worker {workers.index} of {len(workers.addresses)}: the "
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
    workers = cluster.read()
    replicas = joined.num_replicas_in_sync // len(workers.addresses)

    def value(context):
        # Only the first replica of each worker contributes.
        first = context.replica_id_in_sync_group == workers.index * replicas
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
