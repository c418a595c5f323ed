"""Addresses and a `TF_CONFIG` for workers on this machine."""

import contextlib
import json
import socket


def free_ports(count):
    """Returns ports of loopback on which no process listens."""
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [server.getsockname()[1] for server in servers]


def tf_config(index, *ports, job="worker"):
    """Returns a `TF_CONFIG` of workers on loopback."""
    addresses = [f"127.0.0.1:{port}" for port in ports]
    task = {"type": job, "index": index}
    return json.dumps({"cluster": {job: addresses}, "task": task})
