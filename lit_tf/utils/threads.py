"""One pool of threads for all reads of a process."""

import concurrent.futures
import functools
import os


def shared() -> concurrent.futures.Executor:
    """Returns a pool with a thread for each core, the same at every call.

    A process that was forked gets a pool of its own.
    """
    return _pool(os.getpid())


@functools.cache
def _pool(process):
    del process
    return concurrent.futures.ThreadPoolExecutor(os.cpu_count())
