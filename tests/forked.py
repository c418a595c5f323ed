"""Commands in processes that need not import TensorFlow.

A server process imports it once. Each command runs in a fork of the server,
with its own arguments, folder, environment and output.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing import connection

# Reads lines of JSON: what to start, or the process whose exit code is asked
# for. Writes its process id, or the exit code; null while it runs. It may run
# no operation of TensorFlow, whose threads do not survive a fork.
_SERVER = """
import atexit, gc, importlib.metadata, json, os, sys, threading
import matplotlib.pyplot, scipy.stats, sklearn.datasets
import lit_tf
import lit_tf.experiment, lit_tf.interop.import_model, lit_tf.benchmark.timing

for name in ("LIT", "Distill", "Teach", "shrink"):
    getattr(lit_tf, name)
scripts = importlib.metadata.distribution("lit_tf").entry_points
sys.path.append(sys.argv[1])
gc.freeze()  # Excludes loaded objects from collection: pages stay shared.

def start(wanted):
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(wanted["output"], 1):
        os.dup2(os.open(path, os.O_WRONLY), number)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    # The first entry of the path is that of a script: its folder.
    sys.path[0] = os.path.dirname(sys.executable)
    sys.argv = wanted["argv"]
    exec(wanted["before"], {})
    command = scripts[sys.argv[0]].load()
    sys.exit(command()) if wanted["deletes"] else end(command)

# Exits without deleting the objects of the process. Python deletes them at its
# end and so copies every page that the fork shares, which takes longer than a
# short command.
def end(command):
    try:
        code = command()
    except SystemExit as ending:
        code = ending.code
    threading._shutdown()
    atexit._run_exitfuncs()
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)

def exit_code(pid):
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None

for line in sys.stdin:
    request = json.loads(line)
    answer = start(request) if isinstance(request, dict) else exit_code(request)
    print(json.dumps(answer), flush=True)
"""
# The modules of this folder can be imported in `before`.
_HELPERS = pathlib.Path(__file__).parent
# Kills the process at a step, after the log and a checkpoint that is due were
# written. At step 0 the checkpoint of a new phase has just been written.
_KILL = """
import os, signal
from lit_tf.training import callbacks

def kills(method):
    def wrapped(self, *arguments, **named):
        method(self, *arguments, **named)
        at = self._checkpoint.path.stem, self._position.step
        if at == (phase, step):
            os.kill(os.getpid(), number)
    return wrapped

phase, step, number = {}
name = "on_train_batch_end" if step else "save"
saver = callbacks.SaveCheckpoints
setattr(saver, name, kills(getattr(saver, name)))
"""
# Asks the process of the tests to run a command, and ends like the command.
_CLIENT = """
import os, sys
from multiprocessing import connection

client = connection.Client(sys.argv[1])
client.send((sys.argv[2:], os.getcwd(), dict(os.environ)))
code, out, err = client.recv()
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""
_PAUSE = 0.01  # Seconds between two questions whether a process has ended.


def killed_at(phase, step, number=signal.SIGKILL):
    """Returns code for `before`: a signal is sent at a step of a phase."""
    return _KILL.format((phase, step, int(number)))


class Server:
    """A process that has imported TensorFlow and starts commands by forking.

    It starts with the first command.
    """

    def __init__(self):
        self._process = None
        self._lock = threading.Lock()

    def start(self, *argv, cwd, env=None, before="", deletes=False):
        """Starts a command.

        Args:
            *argv: the name of a command, such as "lit-compress", and its
                arguments.
            cwd: the folder in which it runs.
            env: environment variables that are added to those of this process.
            before: Python code that the process runs first.
            deletes: whether the process deletes its objects when it ends, as a
                command of a user does, and with them TensorFlow's.

        Returns:
            The `Process`.
        """
        files = [pathlib.Path(tempfile.mkstemp()[1]) for _ in range(2)]
        pid = self._ask(
            {
                "argv": argv,
                "cwd": str(cwd),
                "env": {**os.environ, **(env or {})},
                "before": before,
                "deletes": deletes,
                "output": [str(file) for file in files],
            }
        )
        return Process(self._ask, pid, files)

    def run(self, *argv, **how):
        """Runs a command and returns it after it has ended; see `start`."""
        return self.start(*argv, **how).end()

    def program(self, name, *, before=""):
        """Returns a command line that runs a command in a fork of this server.

        Processes that are not started by the tests use it, such as `lit-tune`.
        A signal ends the command line alone and not the fork.

        Args:
            name: the name of the command, such as "lit-compress".
            before: Python code that the fork runs first.
        """
        listener = connection.Listener(family="AF_UNIX")

        def answer(client):
            argv, cwd, env = client.recv()
            ended = self.run(name, *argv, cwd=cwd, env=env, before=before)
            client.send((ended.code, ended.out, ended.err))
            client.close()

        def listen():
            while True:
                client = listener.accept()
                threading.Thread(target=answer, args=[client]).start()

        threading.Thread(target=listen, daemon=True).start()
        return sys.executable, "-c", _CLIENT, listener.address

    def stop(self):
        """Ends the server."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()

    def _ask(self, request):
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _SERVER, str(_HELPERS)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


class Process:
    """A command that a `Server` started.

    `code`, `out` and `err` are its exit code, its output and its errors. They
    are set by `end`. The code of a killed process is minus the signal.
    """

    def __init__(self, ask, pid, files):
        self._ask, self._pid, self._files = ask, pid, files
        self.code = None

    def runs(self):
        """Returns whether the process has not ended yet."""
        if self.code is None:
            self.code = self._ask(self._pid)
        return self.code is None

    def kill(self):
        """Kills the process if it still runs."""
        if self.runs():
            os.kill(self._pid, signal.SIGKILL)

    def end(self, *, seconds=300):
        """Waits for the process to end and returns it.

        Args:
            seconds: the time after which it is killed.
        """
        until = time.monotonic() + seconds
        while self.runs():
            if time.monotonic() > until:
                self.kill()
            time.sleep(_PAUSE)
        if self._files:
            self.out, self.err = (file.read_text() for file in self._files)
            for file in self._files:
                file.unlink()
            self._files = []
        return self
