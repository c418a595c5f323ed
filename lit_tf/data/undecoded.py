"""Images that stay in their files and are decoded at every read."""

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lit_tf import errors
from lit_tf.data import image_pixels
from lit_tf.data.rows import Rows
from lit_tf.utils import threads

BROKEN = 0.01  # A larger fraction of broken images has another cause.
NAMED = 5  # Broken images that are named.
_LONGEST = 500  # Characters of a name with its reason.


class UndecodedImages(Rows):
    """Images `[images, height, width, channels]`, uint8, in their files.

    Reads decode in a thread for each core, and return the pixels that
    `decoded.decode` would store. In the place of an image that is broken or has
    vanished, the next one of its group among these rows is returned; this is
    printed.

    Args:
        names: the names for messages.
        files: the paths.
        groups: number of the group of each image, such as its class,
            `[images]`.
        shape: height and width of a returned image in pixels, and 3 channels
            for RGB or 1 for grey.
        crop: side in pixels of the square that is cropped before resizing, as
            in `image_pixels.read`.
        key: everything that the images depend on, among the files.
    """

    def __init__(
        self,
        names: Sequence[str],
        files: Sequence[str],
        groups: np.ndarray,
        *,
        shape: tuple[int, int, int],
        crop: int,
        key: Mapping[str, Any],
    ):
        super().__init__((len(files), *shape), np.uint8)
        self._names = names
        self._files = files
        self._groups = np.asarray(groups)
        self._next = _ring(self._groups, np.arange(len(files)))
        self._crop = crop
        self._key = {**key, "shape": list(shape), "crop": crop}
        self._broken: dict[int, str] = {}  # Reasons by number.
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> bytes:
        """Hash of the names, sizes and times of the files, in their order."""
        digest = hashlib.sha256(json.dumps(self._key, sort_keys=True).encode())
        if self._index is not None:
            digest.update(np.ascontiguousarray(self._index, np.int64))
        return digest.digest()

    def take(self, indices, axis=0):
        chosen = super().take(indices, axis)
        # No image of another split takes the place of one of these.
        chosen._next = _ring(self._groups, chosen._index)
        return chosen

    def _read(self, places):
        chosen = np.arange(len(self._files))[places]
        numbers = chosen.ravel().tolist()
        images = list(threads.shared().map(self._decoded, numbers))
        content = np.frombuffer(b"".join(images), np.uint8)
        return content.reshape(*chosen.shape, *self.shape[1:])

    def _decoded(self, number):
        """Returns the pixels of an image, or of the next one in its group."""
        place = number
        while True:
            if place not in self._broken:
                try:
                    return image_pixels.read(
                        self._files[place], self.shape[1:], self._crop
                    )
                except Exception as error:  # Of many kinds.
                    reason = getattr(error, "strerror", None)
                    self._add_broken(place, reason or errors.line(error))
            place = int(self._next[place])
            if place == number:
                raise errors.DataError(
                    "Every image of its class and split is broken, as "
                    f"{self._named(number)}."
                )

    def _add_broken(self, number, reason):
        """Counts and prints a broken image.

        Raises:
            DataError: if there are too many.
        """
        with self._lock:
            if number in self._broken:
                return
            self._broken[number] = reason
            count, total = len(self._broken), len(self._files)
            first = next(iter(self._broken))
        if count > max(1, BROKEN * total):
            raise errors.DataError(
                f"{count:,} of {total:,} images cannot be read, more than "
                f"{BROKEN:.0%}. The first: {self._named(first)}."
            )
        if count <= NAMED:
            print(
                f"skipped   {self._named(number)}: another image of its class "
                f"takes its place ({count:,} of {total:,})",
                flush=True,
            )
        elif count % 100 == 0:
            print(f"skipped   {count:,} of {total:,} images", flush=True)

    def _named(self, number):
        """Returns the name of a broken image with the reason."""
        return named(self._names[number], self._broken[number])


def named(name: str, reason: str) -> str:
    """Returns the name of a broken image with the reason, for a message."""
    return f"{name} ({reason})"[:_LONGEST]


def _ring(groups, numbers):
    """Returns the next image of each one's group, in a ring.

    Args:
        groups: the group of every image.
        numbers: numbers of the images among which the next one is.
    """
    numbers = np.unique(numbers)
    order = numbers[np.argsort(groups[numbers], kind="stable")]
    following = np.full(len(groups), -1)
    if not len(order):
        return following
    sorted_groups = groups[order]
    starts = np.flatnonzero(
        np.diff(sorted_groups, prepend=sorted_groups[0] - 1)
    )
    ends = np.append(starts[1:], len(order))
    ring = np.arange(1, len(order) + 1)
    ring[ends - 1] = starts
    following[order] = order[ring]
    return following
