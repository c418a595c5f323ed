"""A data set of the full size, made for it: time, and memory at its fullest.

    python docs/results/texts/full_size.py DATA_DIR PLACE

DATA_DIR holds some real reviews (amazon_review_full_csv/train.csv). They are
repeated, each time under another number, until they are as many as Amazon
Reviews full has; PLACE keeps them (1.5 GB) and their codes (3.7 GB).
"""

import pathlib
import resource
import sys
import time

import tensorflow as tf

from lit_tf import config, data
from lit_tf.data import batches, crops

COUNTS = {"train.csv": 3_000_000, "test.csv": 650_000}


def make(source, place):
    lines = source.read_text(encoding="utf-8").splitlines()
    for name, count in COUNTS.items():
        with (place / name).open("w", encoding="utf-8") as file:
            for i in range(count):
                label, text = lines[i % len(lines)].split(",", 1)
                file.write(f'{label},"{i} {text[1:]}\n')


def resident():
    status = pathlib.Path("/proc/self/status").read_text()
    now = int(status.split("VmRSS:")[1].split()[0]) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return f"resident {now:.2f} GiB now, {peak:.2f} GiB at most"


def timed(what, action):
    started, busy = time.monotonic(), time.process_time()
    result = action()
    print(
        f"{what}: {time.monotonic() - started:.1f} s, "
        f"{time.process_time() - busy:.1f} s of CPU; {resident()}",
        flush=True,
    )
    return result


def epoch(split, first_step):
    """Reads an epoch's batches, from a step on, as training does."""
    dataset = batches.training(
        split,
        batch_size=128,
        epochs=1,
        seed=0,
        crop=crops.Crop(),
        first_step=first_step,
    )
    return sum(int(tf.size(labels)) for _, labels in dataset)


def main():
    real, place = map(pathlib.Path, sys.argv[1:])
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "test.csv").is_file():
        make(real / "amazon_review_full_csv" / "train.csv", place)
    settings = config.Data(dataset="amazon_full")

    def load():
        return data.load(settings, data_dir=str(place))

    loaded = timed("load", load)
    print(loaded.note)
    loaded = timed("load again", load)
    timed("hash of all", lambda: loaded.fingerprint)
    read = timed("an epoch of batches", lambda: epoch(loaded.train, 0))
    rest = timed("its second half", lambda: epoch(loaded.train, 10_547))
    print(f"{read:,} and {rest:,} examples")


if __name__ == "__main__":
    main()
