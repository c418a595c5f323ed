"""Class folders: which folders are classes, and which are splits.

The folders of the classes lie in the data folder itself or in folders for the
splits. A tree that could be read in both ways is refused.
"""

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from lit_tf import errors
from lit_tf.data import image_files, split_names

_HINT = (
    "Put a folder for each class into train/, test/ and, optionally, val/, or "
    "all of them into one folder without splits."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """Images by split and class.

    Args:
        root: the data folder.
        images: for each split, a name in `split_names.PARTS`, the sorted paths
            of the images of each class. Without folders for splits, all images
            are in "train".
        notes: sentences about what was skipped.
    """

    root: pathlib.Path
    images: Mapping[str, Mapping[str, Sequence[pathlib.Path]]]
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the folders of the training classes, sorted."""
        return tuple(sorted(self.images["train"]))


def present(root: pathlib.Path, *, several: bool = False) -> bool:
    """Returns whether a folder holds folders that hold images.

    Args:
        root: the data folder.
        several: whether there must be two of them, or one with the name of a
            split. A single folder may hold figures beside other data.
    """
    found = filter(image_files.holds_image, _folders(root))
    first = next(found, None)
    if first is None or not several or split_names.part_of(first.name):
        return first is not None
    return next(found, None) is not None


def read(root: pathlib.Path) -> Layout:
    """Finds the class folders and the images in them.

    Args:
        root: the data folder.

    Raises:
        DataError: if a class has no readable image, or the folders could be
            read in two ways.
    """
    contents = {
        folder.name: image_files.contents(folder) for folder in _folders(root)
    }
    parts = _parts(root, contents)
    skipped = _Skipped(root)
    skipped.add_top(root)
    if not parts:
        _check_inner(root, contents)
        images = {"train": _classes(root, contents, skipped)}
        return Layout(root=root, images=images, notes=skipped.notes)
    images = {}
    for part, name in parts.items():
        place, inner = root / name, _by_folder(root / name, contents[name])
        skipped.add_top(place)
        if part != "train":  # A class need not have test images.
            inner = {k: v for k, v in inner.items() if v.images or v.others}
        if not inner:
            raise errors.DataError(
                f"{_name(place)}/ must hold a folder of images for each class. "
                "Received: no images. Fill it, or remove it."
            )
        _check_inner(place, inner)
        images[part] = _classes(place, inner, skipped)
    _check_classes({k: root / v for k, v in parts.items()}, images)
    return Layout(root=root, images=images, notes=skipped.notes)


def _folders(place):
    """Returns the folders in a folder, without hidden ones, sorted."""
    return sorted(
        path
        for path in place.iterdir()
        if path.is_dir()
        and not image_files.is_hidden(path.name)
        and not image_files.is_encoded(path)
    )


def _parts(root, contents):
    """Returns the folder name of each split; nothing without such folders."""
    named = collections.defaultdict(list)
    for name in contents:
        named[split_names.part_of(name)].append(name)
    others = [name for name in named.pop(None, []) if contents[name].images]
    if not named:
        return {}
    shown = _shown(name for names in named.values() for name in names)
    if others:
        raise _ambiguous(
            root, f"{shown}, which name splits, beside {_shown(others)}"
        )
    for part, names in named.items():
        if len(names) > 1:
            raise _ambiguous(root, f"{_shown(names)}, which all name {part}")
        loose = [i for i in contents[names[0]].images if len(i.parts) == 1]
        if loose:
            raise _ambiguous(
                root,
                f"{_shown(names)}, which names a split, with images that are "
                f"in no class folder, the first {_name(loose[0])}",
            )
    if "train" not in named:
        raise errors.DataError(f"{root}/ holds {shown} without train/. {_HINT}")
    return {part: name for part, (name,) in named.items()}


def _check_inner(place, contents):
    """Refuses folders for splits where folders for classes are expected."""
    for name, files in contents.items():
        inner = {path.parts[0] for path in files.images if len(path.parts) > 1}
        loose = any(len(path.parts) == 1 for path in files.images)
        # With images in it, a folder of such a name is a class.
        if split_names.part_of(name) and inner and not loose:
            found = f"{_shown([name])}, which names a split, in {place.name}/"
            raise _ambiguous(place, found)
        inner = sorted(filter(split_names.part_of, inner))
        if inner:
            raise _ambiguous(
                place,
                f"{_shown([name])}, which holds {_shown(inner)}. If "
                f"{_shown([name])} holds the data, name it with --data_dir",
            )


def _by_folder(place, contents):
    """Returns the contents of each folder in a folder, by its name."""
    found = {
        folder.name: {"images": [], "others": [], "hidden": []}
        for folder in _folders(place)
    }
    for kind in ("images", "others", "hidden"):
        for path in getattr(contents, kind):
            folder, *inner = path.parts
            if inner and folder in found:
                found[folder][kind].append(pathlib.Path(*inner))
    return {
        name: image_files.Contents(**{k: tuple(v) for k, v in kinds.items()})
        for name, kinds in found.items()
    }


def _classes(place, contents, skipped):
    """Returns the images of each class folder in a folder."""
    classes = {}
    for name, files in contents.items():
        if not files.images:
            raise errors.DataError(
                f"The class folder {_name(place / name)}/ must hold an image "
                f"that can be read. Received: {_described(files)}. Convert the "
                "files to JPEG or PNG, or move the folder away."
            )
        classes[name] = [place / name / path for path in files.images]
        skipped.add(place / name, files)
    return classes


def _described(files):
    """Returns in words what a folder without images holds."""
    if not files.others:
        return "only hidden files" if files.hidden else "no files"
    kinds = collections.Counter(path.suffix.lower() for path in files.others)
    words = (
        f"{count:,} {kind}" if kind else f"{count:,} without suffix"
        for kind, count in kinds.most_common(3)
    )
    more = ", …" if len(kinds) > 3 else ""
    return (
        f"no image but {len(files.others):,} files ({', '.join(words)}{more})"
    )


def _check_classes(places, images):
    for part, listing in images.items():
        unknown = sorted(set(listing) - set(images["train"]))
        if unknown:
            raise errors.DataError(
                f"A class with {part} images must have training images. "
                f"Received: {_name(unknown[0])} in {places[part]}/ alone."
            )


def _ambiguous(root, found):
    return errors.DataError(
        f"The folders in {root}/ can be read in two ways. Received: {found}. "
        f"{_HINT}"
    )


def _shown(names):
    return ", ".join(f"{_name(name)}/" for name in names)


def _name(path):
    return image_files.printable(path)


class _Skipped:
    """What was skipped below a folder, for a note."""

    def __init__(self, root):
        self._root = root
        self._found = {"hidden": [], "others": [], "loose": []}

    def add(self, folder, files):
        """Adds the files in a class folder that are not read."""
        for kind in ("hidden", "others"):
            self._found[kind] += [folder / p for p in getattr(files, kind)]

    def add_top(self, folder):
        """Adds what lies next to the folders of classes or splits."""
        for path in sorted(folder.iterdir()):
            if image_files.is_hidden(path.name):
                self._found["hidden"].append(path)
            elif path.is_file() and image_files.is_image(path):
                self._found["loose"].append(path)

    @property
    def notes(self):
        words = {
            "hidden": "hidden and skipped",
            "others": "no images and skipped",
            "loose": "in no class folder and skipped",
        }
        return tuple(
            f"{words[kind]}: {len(paths):,}, the first "
            f"{_name(paths[0].relative_to(self._root))}"
            for kind, paths in self._found.items()
            if paths
        )
