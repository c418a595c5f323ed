"""SIGINT and SIGTERM end a process by one way, at once or when it can."""

import signal
import subprocess
import sys
import time

import pytest

from lit_tf.utils import interruption

# Prints when it begins; `work` is the body.
PROGRAM = """
import hashlib, os, signal, sys, threading, time
from lit_tf.utils import interruption

interruption.SECONDS = 0.2

def ends(error):
    reason, code = interruption.outcome(error)
    print(reason, flush=True)
    return code

def main():
    print("begins", flush=True)
    {work}

try:
    with interruption.raised(ends):
        main()
except KeyboardInterrupt as error:
    code = ends(error)
    time.sleep(0.5)  # Longer than a signal may go unnoticed.
    sys.exit(code)
"""
WORK = {
    "Python": "time.sleep(60)",
    # A call that returns only after minutes, and handles no signal.
    "a long call": "hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)",
    # Python drops an exception within `__del__`.
    "a finalizer": """
    class Slow:
        def __del__(self):
            time.sleep(60)
    Slow()
    time.sleep(60)""",
    # TensorFlow makes an error of its own of what a function raises.
    "a function that a library calls": """
    try:
        try:
            time.sleep(60)
        except KeyboardInterrupt as error:
            raise RuntimeError("the library failed") from None
    except Exception as error:
        interruption.repeat(error)
        raise""",
    # It raises `Interrupted` only after longer than a signal may go unnoticed.
    "a slow save": """
    with interruption.Postponed() as signals:
        signals.begin()
        while not signals.noticed():
            time.sleep(0.01)
        time.sleep(1)
        print("saved", flush=True)
        signals.deliver()""",
}
SAID = {
    signal.SIGTERM: "ended by SIGTERM.",
    signal.SIGINT: "interrupted.",
}


def start(work, **options):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A process that a shell starts in the background ignores SIGINT.
        preexec_fn=options.pop("before", restore),
        **options,
    )
    assert process.stdout.readline() == "begins\n"
    time.sleep(0.05)
    return process


def restore():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", SAID)
@pytest.mark.parametrize("work", WORK)
def test_a_signal_ends_a_process_during(work, number):
    process = start(WORK[work])
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    saved = "saved\n" if work == "a slow save" else ""
    assert (out, err) == (f"{saved}{SAID[number]}\n", "")
    assert process.returncode == 128 + number


def test_a_signal_that_is_ignored_stays_ignored():
    process = start(
        "time.sleep(0.5); print('done')",
        before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    process.send_signal(signal.SIGINT)
    assert process.communicate() == ("done\n", "")


def test_a_forked_process_ends_without_its_parent():
    process = start("""
    child = os.fork()
    if not child:
        time.sleep(60)
    time.sleep(0.1)
    os.kill(child, signal.SIGTERM)
    print(os.waitpid(child, 0)[1])
    time.sleep(0.5)""")
    assert process.communicate() == (f"{int(signal.SIGTERM)}\n", "")
    assert process.returncode == 0


@pytest.fixture
def received():
    """The signals that reached the handlers of the test."""
    numbers = []

    def note(number, frame):
        numbers.append(number)

    before = {n: signal.signal(n, note) for n in interruption.SIGNALS}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_signal_waits_from_the_beginning_until_it_is_delivered(
    number, received
):
    with interruption.Postponed() as signals:
        signal.raise_signal(number)
        assert received == [number] and not signals.noticed()
        signals.begin()
        signal.raise_signal(number)
        assert received == [number] and signals.noticed()
        signals.deliver()
        assert received == [number] * 2
    signal.raise_signal(number)
    assert received == [number] * 3


def test_a_signal_that_nothing_delivered_acts_at_the_end(received):
    with interruption.Postponed() as signals:
        signals.begin()
        signal.raise_signal(signal.SIGTERM)
        # Batch systems may send it twice.
        signal.raise_signal(signal.SIGTERM)
        assert not received
    assert received == [signal.SIGTERM]


def test_a_second_interrupt_does_not_wait(received):
    with interruption.Postponed() as signals:
        signals.begin()
        signal.raise_signal(signal.SIGINT)
        assert not received
        signal.raise_signal(signal.SIGINT)
        assert received == [signal.SIGINT]
