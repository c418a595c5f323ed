"""Texts: Amazon Reviews (Zhang et al., 2015), or own tables."""

import dataclasses
import functools

import numpy as np

from lit_tf import config, errors
from lit_tf.data import characters, crops, encoded, image_files, tables
from lit_tf.data.dataset import Dataset, Source, Split

_STEM = {"alphabet": characters.ALPHABET}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Layout:
    """Location and content of the official files.

    Args:
        name: the dataset's name.
        folder: name of the folder of the tables, and of their archive.
        classes: names of the classes; () if they are read from the tables.
        official: official numbers of training and of test rows; () for none.
    """

    name: str
    folder: str = ""
    classes: tuple[str, ...] = ()
    official: tuple[int, ...] = ()

    def load(
        self,
        data_dir: str = "",
        download: bool = False,
        settings: config.Data | None = None,
        cache_dir: str = "",
        encoder: encoded.Encoder | None = None,
    ) -> Dataset:
        """Loads train.csv and test.csv; encodes them unless done before.

        A val.csv in their folder is the validation split. The inputs are
        character codes, or a dictionary of the arrays of `encoder`. Own tables
        of texts alone have task "embeddings".

        Args:
            data_dir: the folder or the archive with the tables.
            download: not used.
            settings: the length of texts.
            cache_dir: the folder for encoded texts; "" for the user's cache.
            encoder: the function that encodes texts; None for character codes.

        Raises:
            DataError: if a table is missing or damaged.
        """
        del download  # TensorFlow Datasets has no such tables.
        settings = settings or config.Data(dataset=self.name)
        pair = tables.find(data_dir, self.folder) if data_dir else None
        if pair is None:
            archive = f", no {self.folder}.tar.gz" if self.folder else ""
            raise errors.DataError(
                image_files.missing(
                    f"No train.csv and test.csv{archive}", data_dir
                )
                + " Name the folder or the archive that holds them; "
                f"--download cannot fetch {self.name}."
            )
        characters_alone = encoder is None
        if characters_alone:
            encoder = characters.Encoder(
                characters.ALPHABET, settings.text_length
            )
        encode = functools.partial(
            encoded.encode, encoder=encoder, cache_dir=cache_dir
        )

        def split(table):
            arrays = table.arrays
            inputs = arrays["codes"] if characters_alone else dict(arrays)
            return Split(inputs, table.labels)

        train = encode(pair[0], classes=len(self.classes) or None)
        texts_alone = train.labels.ndim > 1
        classes = () if texts_alone else self.classes or _classes(train.labels)
        test = encode(pair[1], classes=len(classes))
        own = tables.find_validation(pair[0])
        if own:
            own = encode(own, classes=len(classes))
        return Dataset(
            name=self.name,
            train=split(train),
            test=split(test),
            validation=split(own) if own else None,
            classes=classes,
            stem=_STEM if characters_alone else {},
            crop=crops.Crop(),
            task="embeddings" if texts_alone else "classes",
            note=self._note(train, test, own),
        )

    def _note(self, train, test, validation):
        counts = (len(train.labels), len(test.labels))
        note = "{:,} training and {:,} test texts".format(*counts)
        if validation:
            note += f"; {len(validation.labels):,} validation texts"
        if self.official and counts != self.official:
            official = "{:,} and {:,}".format(*self.official)
            note += f"; not the official {official}"
        replaced = train.replaced + test.replaced
        replaced += validation.replaced if validation else 0
        if replaced:
            note += (
                f"; {replaced:,} bytes that are not valid UTF-8 were replaced "
                "by unknown characters"
            )
        return f"{note}; encoded in {train.folder.parent}/"


def _classes(labels):
    """Returns the names of the classes in a training table."""
    counts = np.bincount(labels)
    if not counts.all():
        raise errors.DataError(
            f"train.csv must have rows of every class from 1 to {len(counts)}, "
            "its largest label. Received: no rows of class "
            f"{int(counts.argmin()) + 1}."
        )
    return tuple(str(i) for i in range(1, len(counts) + 1))


def _source(layout):
    return Source(
        load=layout.load,
        input_shape=lambda settings: (settings.text_length,),
        classes=lambda _: layout.classes,
        stem=lambda _: _STEM,
        texts=True,
    )


AMAZON_FULL = _source(
    _Layout(
        name="amazon_full",
        folder="amazon_review_full_csv",
        classes=("1 star", *(f"{stars} stars" for stars in range(2, 6))),
        official=(3_000_000, 650_000),
    )
)
AMAZON_POLARITY = _source(
    _Layout(
        name="amazon_polarity",
        folder="amazon_review_polarity_csv",
        classes=("negative", "positive"),
        official=(3_600_000, 400_000),
    )
)
CSV = _source(_Layout(name="csv"))
