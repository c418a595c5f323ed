"""Times a run from its command to its first step, and stops it there.

    python docs/results/performance/start.py DATA_DIR

ResNet-110, with random weights, → ResNet-20 on CIFAR-10, batch 128. On a busy
machine, compare the processor's time.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

from lit_tf import data, models
from lit_tf.experiment import report


def main():
    sys.setrecursionlimit(100_000)
    print(report.hardware())
    with tempfile.TemporaryDirectory() as place:
        teacher, run = (
            pathlib.Path(place, "t.keras"),
            pathlib.Path(place, "run"),
        )
        models.get("resnet110")(**data.DATASETS["cifar10"].form()).save(teacher)
        for dtype in ("float32", "mixed_bfloat16"):
            started = time.monotonic()
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "lit_tf.launch.compress"),
                    "--recipe=cifar10_resnet110_to_resnet20",
                    f"--teacher_weights={teacher}",
                    "--min_teacher_accuracy=0",
                    f"--data_dir={pathlib.Path(sys.argv[1]).resolve()}",
                    *("--lit_batch_size=128", "--log_steps=1", "--overwrite"),
                    *(f"--dtype={dtype}", f"--workdir={run}"),
                ],
                cwd=place,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            log = run / "metrics.jsonl"
            if log.exists():
                log.unlink()
            while process.poll() is None:
                if log.is_file() and log.stat().st_size:
                    break
                time.sleep(0.05)
            seconds = time.monotonic() - started
            process.kill()
            _, _, used = os.wait4(process.pid, 0)
            processor = used.ru_utime + used.ru_stime
            print(
                f"{dtype}: {seconds:.1f} s, {processor:.1f} s of the processor",
                flush=True,
            )


if __name__ == "__main__":
    main()
