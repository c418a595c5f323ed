"""Times a LIT step as it would be without what makes it fast.

    python docs/results/performance/tricks.py

Each row has one thing more than the row above it; the rows take turns. Prints
a table a dtype: milliseconds of a step, the median.
"""

import contextlib
import statistics
import sys
import time
from unittest import mock

import keras
import tensorflow as tf

from lit_tf import layers
from lit_tf.benchmark import bench, peer, pieces, settings
from lit_tf.experiment import hardware
from lit_tf.losses import distillation
from lit_tf.methods import lit
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher import frozen
from lit_tf.training import optimizers
from lit_tf.utils import text_format

ROUNDS, WARM_UP = 12, 3


class Plain(lit.LIT):
    """Phase `lit` as the paper writes it: section 1 runs on both streams."""

    def terms(self, x, y, *, training):
        x, T, z_t = frozen.teacher_outputs(self.frozen, x)
        *bound, head = self.student.bind(())
        sections = dict(enumerate(bound, 1))
        fed = {
            k: section.unrecorded(T[k - 1], training=training)
            for k, section in sections.items()
        }
        S = {0: self.student.stem(x, training=False)}
        for k, section in sections.items():
            S[k] = section(S[k - 1], training=training)
        z_s = head(S[len(sections)], training=False)
        terms = {}
        for k in sections:
            terms[lit.penalty_name(k)] = self.penalty(T[k], fed[k])
            terms[lit.penalty_name(k, "student_fed")] = self.penalty(
                T[k], tf.stop_gradient(S[k])
            )
        ir = tf.add_n([terms[lit.penalty_name(k)] for k in sections])
        compared = self.outputs.terms(y, z_t, z_s)
        total = distillation.lit(compared["kd"], ir, beta=self.beta)
        return terms | {"ir": ir, **compared, "total": total}, z_s


def sliced(self, inputs):
    before = (self.filters - inputs.shape[-1]) // 2
    after = self.filters - inputs.shape[-1] - before
    thinned = inputs[:, :: self.stride, :: self.stride]
    return tf.pad(thinned, [[0, 0], [0, 0], [0, 0], [before, after]])


def stock(model):
    """Returns the model on Keras's own BatchNormalization."""
    parts = (model.stem, *model.sections, model.head)
    stem, *sections, head = map(peer._stock, parts)
    return SectionedModel(stem, sections, head, name=model.name)


def step(made, *, plain, stock_norm, unfolded, slow_shortcut, cached=False):
    with contextlib.ExitStack() as stack:
        if slow_shortcut:
            stack.enter_context(
                mock.patch.object(layers.PadShortcut, "call", sliced)
            )
        if unfolded:
            stack.enter_context(
                mock.patch.object(frozen, "_foldable", lambda graphs: ())
            )
        wise, student = made.pair()
        if stock_norm:
            wise, student = stock(wise), stock(student)
        loss = made.config.loss
        trainer = (Plain if plain else lit.LIT)(
            wise,
            student,
            alpha=loss.alpha,
            temperature=loss.temperature,
            beta=loss.beta,
        )
        trainer.fast_layers = not stock_norm
        views = pieces._cached_outputs(made, trainer) if cached else None
        trainer.compile(optimizers.SGD(0.05, momentum=0.9, weight_decay=2e-4))
        trainer.make_train_function()
        feed = iter(made.feed(views))
        float(trainer.train_function(feed)["loss"])  # Traced under the patches.
        return lambda: float(trainer.train_function(feed)["loss"])


ROWS = {
    "as the paper writes it, Keras's layers": "plain stock unfolded slow",
    "section 1 once": "stock unfolded slow",
    "fused BatchNorm": "unfolded slow",
    "teacher folded": "slow",
    "shortcut by pooling": "",
    "teacher cached": "cached",
}


def main():
    sys.setrecursionlimit(100_000)
    print(hardware.found())
    for dtype in ("float32", "mixed_bfloat16"):
        made = bench.Bench(settings.Settings(dtype=dtype))
        table = {
            name: step(
                made,
                plain="plain" in words,
                stock_norm="stock" in words,
                unfolded="unfolded" in words,
                slow_shortcut="slow" in words,
                cached="cached" in words,
            )
            for name, words in ROWS.items()
        }
        times = {name: [] for name in table}
        for turn in range(WARM_UP + ROUNDS):
            for name, call in table.items():
                start = time.perf_counter()
                call()
                if turn >= WARM_UP:
                    times[name].append(1000 * (time.perf_counter() - start))
        rows = [(f"ResNet-110 → 20, batch 128, {dtype}", "ms")]
        rows += [
            (name, f"{statistics.median(each):.0f}")
            for name, each in times.items()
        ]
        print(f"\n{text_format.table(rows)}", flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
