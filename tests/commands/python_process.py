"""Python in a process of its own."""

import subprocess
import sys


def run(*arguments, cwd):
    """Runs Python and returns exit code, standard output and errors."""
    completed = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True
    )
    return completed.returncode, completed.stdout, completed.stderr
