"""`Adversarial`: a generator against its discriminator, StarGAN's training."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf import config, errors, outputs
from lit_tf.losses import wgan_gp
from lit_tf.methods import trainer

_DEFAULTS = config.Adversarial()
_GENERATOR = ("g_fake", "g_cls", "g_rec", "total")
_DISCRIMINATOR = ("d_real", "d_fake", "d_cls", "d_gp", "d_total")


class Adversarial(trainer.Trainer):
    """Trains a generator: phase `teach`, and phase `fine_tune` of a generator.

    A step is one of the generator. Where the discriminator is trained too, it
    takes `discriminator_steps` steps before, each on a batch of its own, so
    that a step wants a batch as many times as large (`batches`).

    The metrics are `g_fake`, `g_cls`, `g_rec` and `total`, their sum by weight;
    with a trained discriminator `d_real`, `d_fake`, `d_cls`, `d_gp` and
    `d_total` (of its last step) before them.

    Args:
        student: the generator, [images in [−1, 1], target attributes] → images.
        discriminator: images → [sources, logits of the attributes].
        trained: whether the discriminator is trained, or stays as it is.
        discriminator_steps: of the discriminator, for each of the generator.
        lambda_cls: multiplies the attributes' loss, of both.
        lambda_rec: multiplies the generator's reconstruction loss.
        lambda_gp: multiplies the discriminator's gradient penalty.
        teacher: shown beside the student; nobody asks it.
        frozen: its twin.
        seed: of where the gradient penalty looks.
        **kwargs: of `keras.Model`.
    """

    def __init__(
        self,
        student: keras.Model,
        discriminator: keras.Model,
        *,
        trained: bool,
        discriminator_steps: int = _DEFAULTS.discriminator_steps,
        lambda_cls: float = _DEFAULTS.lambda_cls,
        lambda_rec: float = _DEFAULTS.lambda_rec,
        lambda_gp: float = _DEFAULTS.lambda_gp,
        teacher: keras.Model | None = None,
        frozen: keras.Model | None = None,
        seed: int = 0,
        **kwargs: Any,
    ):
        names = (_DISCRIMINATOR if trained else ()) + _GENERATOR
        super().__init__(
            student,
            teacher,
            names,
            outputs=outputs.Images(),
            frozen=frozen,
            **kwargs,
        )
        # Neither tracked nor saved with the student, as the teacher is not.
        object.__setattr__(self, "discriminator", discriminator)
        object.__setattr__(self, "_opponent", None)
        self.trained = trained
        self.batches = discriminator_steps if trained else 1
        self.lambda_cls = lambda_cls
        self.lambda_rec = lambda_rec
        self.lambda_gp = lambda_gp
        self.seed = seed

    def compile(self, optimizer="adam", **kwargs):
        super().compile(optimizer, **kwargs)
        if not self.trained:
            return
        # It computes in float32, so that its losses need no scale.
        inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        with self.distribute_strategy.scope():
            opponent = type(inner).from_config(inner.get_config())
            opponent.build(self.discriminator.trainable_variables)
        object.__setattr__(self, "_opponent", opponent)

    @property
    def optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        return (self.optimizer, *([self._opponent] if self.trained else []))

    @property
    def auxiliary_models(self) -> dict[str, keras.Model]:
        return {"discriminator": self.discriminator} if self.trained else {}

    @property
    def state(self) -> dict[str, list[keras.Variable]]:
        if not self.trained:
            return super().state
        return super().state | {
            "discriminator": self.discriminator.variables,
            "opponent": self._opponent.variables,
        }

    def terms(self, x, y, *, training):
        images, target = x
        fake = self.student((images, target), training=training)
        sources, logits = self.discriminator(fake, training=training)
        again = self.student((fake, y), training=training)
        terms = {
            "g_fake": -wgan_gp.realness(sources),
            "g_cls": wgan_gp.classes(target, logits),
            "g_rec": wgan_gp.reconstruction(images, again),
        }
        terms["total"] = (
            terms["g_fake"]
            + self.lambda_cls * terms["g_cls"]
            + self.lambda_rec * terms["g_rec"]
        )
        if self.trained and not training:
            terms |= self.discriminator_terms(
                x, y, self._epsilon(images), training=False
            )
        return terms, fake

    def discriminator_terms(
        self, x: Any, y: tf.Tensor, epsilon: tf.Tensor, *, training: bool
    ) -> trainer.Terms:
        """Computes the discriminator's terms, each `[batch]`.

        Args:
            x: images in [−1, 1], and target attributes.
            y: `[batch, attributes]`, what the images have.
            epsilon: `[batch, 1, 1, 1]` in [0, 1]: where between a real and a
                fake image the gradient penalty looks.
            training: as for `terms`.
        """
        images, target = x
        fake = self.student((images, target), training=training)
        fake = tf.stop_gradient(fake)
        real_sources, logits = self.discriminator(images)
        fake_sources, _ = self.discriminator(fake)
        terms = {
            "d_real": -wgan_gp.realness(real_sources),
            "d_fake": wgan_gp.realness(fake_sources),
            "d_cls": wgan_gp.classes(y, logits),
            "d_gp": wgan_gp.gradient_penalty(
                lambda between: self.discriminator(between)[0],
                images,
                fake,
                epsilon,
            ),
        }
        terms["d_total"] = (
            terms["d_real"]
            + terms["d_fake"]
            + self.lambda_cls * terms["d_cls"]
            + self.lambda_gp * terms["d_gp"]
        )
        return terms

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if sample_weight is not None:
            raise errors.SettingsError(
                "A generator's images all weigh the same. Received: "
                "`sample_weight`."
            )
        results = {}
        for i in range(self.batches):
            x_i, y_i = _slice((x, y), i, self.batches)
            if self.trained:
                results = self._oppose(x_i, y_i, tf.constant(i))
        terms, fake, additional = self._descend(x_i, y_i, None)
        return self._report(results | terms, additional, x_i, y_i, fake, None)

    def _oppose(self, x, y, i):
        """Takes a step of the discriminator; returns its terms."""
        count, everyones = self._examples(y)
        x, y = trainer.at_least_one((x, y))
        variables = self.discriminator.trainable_variables
        with tf.GradientTape() as tape:
            terms = self.discriminator_terms(
                x, y, self._epsilon(x[0], i), training=True
            )
            terms = {k: v[: tf.cast(count, tf.int32)] for k, v in terms.items()}
            loss = tf.reduce_sum(terms["d_total"]) / everyones
        self._opponent.apply(tape.gradient(loss, variables), variables)
        return terms

    def _epsilon(self, images, i=0):
        """Draws numbers in [0, 1) by (seed, step, replica), one an image."""
        step = tf.cast(self.optimizer.iterations.value, tf.int32)
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context else 0
        place = tf.cast(replica, tf.int32) * self.batches + i
        return tf.random.stateless_uniform(
            [tf.shape(images)[0], 1, 1, 1],
            tf.stack([self.seed + place * 2**16, step]),
        )


def _slice(batch, i, parts):
    """Returns one of several parts of a batch, none of them empty.

    A last batch that is too short for that lets them overlap.
    """

    def part(tensor):
        count = tf.shape(tensor)[0]
        size = tf.maximum(count // parts, tf.minimum(count, 1))
        begin = tf.minimum(i * size, count - size)
        return tensor[begin : begin + size]

    return tf.nest.map_structure(part, batch)
