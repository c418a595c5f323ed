"""`TF_CONFIG` is checked, and its workers are waited for."""

import json
import socket
import time

import pytest
from workers import free_ports, tf_config

from lit_tf import errors
from lit_tf.training import cluster


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "must be JSON such as .* Received: ''", id="none"),
        pytest.param("{worker", "must be JSON .* '{worker'", id="not JSON"),
        pytest.param("[1, 2]", "must be JSON such as", id="a list"),
        pytest.param("3", "must be JSON such as", id="a number"),
        pytest.param(
            '{"cluster": {"worker": ["a:1"]}}', "must be JSON", id="no task"
        ),
        pytest.param(
            '{"task": {"type": "worker", "index": 0}}',
            "must be JSON",
            id="no cluster",
        ),
        pytest.param(tf_config("one", 1), "must be JSON", id="index in words"),
        pytest.param(tf_config(None, 1), "must be JSON", id="index of nothing"),
        pytest.param(
            tf_config(-1, 1, 2), "below that.* index -1", id="negative"
        ),
        pytest.param(
            tf_config(2, 1, 2),
            "names 2 of type 'worker', so .* Received: index 2",
            id="index too large",
        ),
        pytest.param(tf_config(0), "names 0 of type 'worker'", id="no workers"),
        pytest.param(
            tf_config(0, 1, job="ps"),
            "Received: jobs ps; task type 'ps'",
            id="ps",
        ),
        pytest.param(
            tf_config(0, 1).replace(":1", ""),
            "host:port. Received: '127.0.0.1'",
            id="no port",
        ),
        pytest.param(
            tf_config(0, "http"),
            "Received: '127.0.0.1:http'",
            id="port in words",
        ),
        pytest.param(tf_config(0, 70000), "host:port", id="port too large"),
        pytest.param(
            tf_config(0, 1, 1), "its own address", id="one address twice"
        ),
    ],
)
def test_a_bad_tf_config_is_refused(monkeypatch, text, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(errors.SettingsError, match=message):
        cluster.read()


@pytest.mark.parametrize(
    ("kind", "index", "place"),
    [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)],
)
def test_the_chief_comes_before_the_workers(monkeypatch, kind, index, place):
    jobs = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
    text = {"cluster": jobs, "task": {"type": kind, "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(text))
    workers = cluster.read()
    assert workers == cluster.Cluster(("a:1", "b:2", "c:3"), place)
    assert workers.chief == (kind == "chief")


def test_without_a_chief_the_first_worker_is_the_chief(monkeypatch):
    for index in (0, 1):
        monkeypatch.setenv("TF_CONFIG", tf_config(index, 1, 2))
        assert cluster.read().chief == (index == 0)


def pair_of(*ports):
    return cluster.Cluster(tuple(f"127.0.0.1:{port}" for port in ports), 0)


def test_a_worker_that_cannot_be_reached_is_named():
    ports = free_ports(2)
    began = time.monotonic()
    with pytest.raises(errors.DataError) as caught:
        cluster.wait_for(pair_of(*ports), 0.5)
    assert 0.5 < time.monotonic() - began < 5
    named = f"Worker 1 in TF_CONFIG, 127.0.0.1:{ports[1]}, could not be reached"
    assert str(caught.value).startswith(named)


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(errors.DataError, match=f"this worker port {port}"):
            cluster.wait_for(pair_of(port, *free_ports(1)), 0.5)


def test_a_worker_that_listens_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as peer:
        workers = pair_of(*free_ports(1), peer.getsockname()[1])
        cluster.wait_for(workers, 0)
