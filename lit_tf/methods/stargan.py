"""`Adversarial`: trains a generator against a discriminator (StarGAN)."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf import config, errors, outputs
from lit_tf.losses import wgan_gp
from lit_tf.methods import gradients, replicas
from lit_tf.methods.trainer import Trainer
from lit_tf.outputs import Terms

_DEFAULTS = config.Adversarial()
_GENERATOR = ("g_fake", "g_cls", "g_rec", "total")
_DISCRIMINATOR = ("d_real", "d_fake", "d_cls", "d_gp", "d_total")


class Adversarial(Trainer):
    """Trains a generator: its phases `teach` and `fine_tune`.

    The losses are those of StarGAN (Choi et al., 2018, section 3). A step is
    one step of the generator. If the discriminator is trained too, it takes
    `discriminator_steps` steps before, each on its own batch; a step then
    consumes that many batches (`batches`).

    The metrics are `g_fake`, `g_cls`, `g_rec` and `total`, their weighted sum;
    with a trained discriminator, before them, `d_real`, `d_fake`, `d_cls`,
    `d_gp` and `d_total` of its last step; with a reference, after them, `kd`,
    which is not minimised.

    Args:
        student: the generator, [images in [−1, 1], target attributes] → images.
        discriminator: the discriminator, images → [sources, logits of the
            attributes].
        trained: whether the discriminator is trained or stays fixed.
        discriminator_steps: discriminator steps for each generator step, if it
            is trained; default 5.
        lambda_cls: the weight of the attributes' loss, of both models; default
            1.
        lambda_rec: the weight of the generator's reconstruction loss; default
            10.
        lambda_gp: the weight of the discriminator's gradient penalty; default
            10.
        teacher: a generator to draw next to the student in samples; no loss
            uses it.
        reference: a frozen generator, inputs → images; `kd` is the mean
            absolute difference of the student's images from its images. None
            for no such metric.
        seed: the seed of the points at which the gradient penalty is computed;
            default 0.
        **kwargs: arguments of `keras.Model`.

    Raises:
        SettingsError: if the student does not return images.
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
        reference: keras.Model | None = None,
        seed: int = 0,
        **kwargs: Any,
    ):
        names = (_DISCRIMINATOR if trained else ()) + _GENERATOR
        names += ("kd",) if reference is not None else ()
        super().__init__(student, names, outputs=outputs.Images(), **kwargs)
        # Set past Keras, which would track these and save them with the
        # student.
        object.__setattr__(self, "teacher", teacher)
        object.__setattr__(self, "_reference", reference)
        object.__setattr__(self, "discriminator", discriminator)
        object.__setattr__(self, "_discriminator_optimizer", None)
        self.trained = trained
        self.batches = discriminator_steps if trained else 1
        self.lambda_cls = lambda_cls
        self.lambda_rec = lambda_rec
        self.lambda_gp = lambda_gp
        self.seed = seed

    def compile(self, optimizer="adam", **kwargs):
        errors.require(
            self.microbatches == 1,
            "The batches of a generator are not divided: `microbatches` must "
            "be 1.",
            microbatches=self.microbatches,
        )
        super().compile(optimizer, **kwargs)
        if not self.trained:
            return
        # The discriminator computes in float32: its losses are not scaled.
        # Only the generator, which is exported, is averaged.
        inner = gradients.inner(self.optimizer)
        with self.distribute_strategy.scope():
            optimizer = type(inner).from_config(
                inner.get_config() | {"use_ema": False}
            )
            optimizer.build(self.discriminator.trainable_variables)
        object.__setattr__(self, "_discriminator_optimizer", optimizer)

    @property
    def optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        """The optimizers that follow the phase's learning rate."""
        if not self.trained:
            return (self.optimizer,)
        return (self.optimizer, self._discriminator_optimizer)

    @property
    def auxiliary_models(self) -> dict[str, keras.Model]:
        """The discriminator, if it is trained."""
        return {"discriminator": self.discriminator} if self.trained else {}

    @property
    def state(self) -> dict[str, list[keras.Variable]]:
        """The variables that a checkpoint holds, by group."""
        if not self.trained:
            return super().state
        return super().state | {
            "discriminator": self.discriminator.variables,
            "opponent": self._discriminator_optimizer.variables,
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
        if self._reference is not None:
            expected = self._reference((images, target), training=False)
            terms |= self.outputs.terms(y, tf.stop_gradient(expected), fake)
        if self.trained and not training:
            terms |= self.discriminator_terms(
                x, y, self._epsilon(images), training=False
            )
        return terms, fake

    def discriminator_terms(
        self, x: Any, y: tf.Tensor, epsilon: tf.Tensor, *, training: bool
    ) -> Terms:
        """Computes the discriminator's terms, each `[batch]` in float32.

        Args:
            x: images `[batch, height, width, channels]` in [−1, 1], and target
                attributes `[batch, attributes]`.
            y: `[batch, attributes]`, the images' own attributes.
            epsilon: `[batch, 1, 1, 1]` in [0, 1], the share of the real image
                at the point at which the gradient penalty is computed.
            training: whether the student runs in training mode.
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
                "A generator is trained without sample weights. Received: "
                "`sample_weight`."
            )
        results = {}
        with self._fast.in_use(), self._recomputed.in_use():
            for i in range(self.batches):
                x_i, y_i = _slice((x, y), i, self.batches)
                if self.trained:
                    results = self._descend_discriminator(
                        x_i, y_i, tf.constant(i)
                    )
            terms, fake, additional = self._descend(x_i, y_i, None)
        return self._report(results | terms, additional, x_i, y_i, fake, None)

    def _descend_discriminator(self, x, y, i):
        """Takes the i-th step of the discriminator and returns its terms."""
        local, across_replicas = replicas.count_examples(y, self._replicas)
        x, y = replicas.at_least_one((x, y))
        variables = self.discriminator.trainable_variables
        with tf.GradientTape() as tape:
            terms = self.discriminator_terms(
                x, y, self._epsilon(x[0], i), training=True
            )
            terms = {k: v[: tf.cast(local, tf.int32)] for k, v in terms.items()}
            loss = tf.reduce_sum(terms["d_total"]) / across_replicas
        gradients.apply(
            self._discriminator_optimizer,
            tape.gradient(loss, variables),
            variables,
            replicas=self._replicas,
        )
        return terms

    def _epsilon(self, images, i=0):
        """Draws a number in [0, 1) for each image by (seed, step, replica)."""
        step = tf.cast(self.optimizer.iterations.value, tf.int32)
        replica = tf.cast(replicas.replica_id(), tf.int32)
        place = replica * self.batches + i
        return tf.random.stateless_uniform(
            [tf.shape(images)[0], 1, 1, 1],
            tf.stack([self.seed + place * 2**16, step]),
        )


def _slice(batch, i, parts):
    """Returns part i of a batch that is cut into equal, non-empty parts.

    If a batch has fewer examples than parts, the parts overlap.
    """

    def part(tensor):
        count = tf.shape(tensor)[0]
        size = tf.maximum(count // parts, tf.minimum(count, 1))
        begin = tf.minimum(i * size, count - size)
        return tensor[begin : begin + size]

    return tf.nest.map_structure(part, batch)
