"""`Descent`: an optimizer step on the mean loss of a batch."""

import tensorflow as tf

from lit_tf import layers
from lit_tf.methods import gradients, microbatches, replicas, weighted_batch
from lit_tf.methods.student_model import StudentModel


class Descent(StudentModel):
    """A student model that takes steps on its terms (see `Trainer`).

    A step is the same on one device and on several replicas, with or without
    loss scaling, on the whole batch or on microbatches, but for what normalizes
    by a part of the batch: BatchNorm, and the penalty `l2_normalized`.
    """

    # Parts of a batch that a step computes one after another, to need less
    # memory; set it before `compile`.
    microbatches = 1

    @property
    def _replicas(self):
        return self.distribute_strategy.num_replicas_in_sync

    @property
    def _parts(self):
        """Parts of a training batch, any of which may have no example."""
        return self._replicas * self.microbatches

    def _terms(self, x, y, *, training):
        if (self._parts if training else self._replicas) == 1:
            return self.terms(x, y, training=training)
        return replicas.computed(self.terms, x, y, training=training)

    def _additional_losses(self):
        """Returns the sum of regularisers and `add_loss`, a float32 scalar."""
        sums = map(tf.reduce_sum, self.student.losses)
        return tf.add_n([tf.zeros([]), *(tf.cast(s, tf.float32) for s in sums)])

    def _descend(self, x, y, sample_weight):
        """Takes one optimizer step of the student.

        Returns:
            The terms, the student's output and the sum of its layers' losses.
        """
        found, *computed = self._differentiate(x, y, sample_weight)
        self._apply(found)
        return computed

    def _descend_by_microbatches(self, x, y, sample_weight):
        """Takes the step of `_descend` in parts, and updates the metrics."""
        _, examples = replicas.count_examples(y, self._replicas)

        def differentiate(x, y, sample_weight):
            found, terms, outputs, additional = self._differentiate(
                x, y, sample_weight, examples
            )
            self._report(terms, additional, x, y, outputs, sample_weight)
            return found

        found = microbatches.summed(
            differentiate,
            (x, y, sample_weight),
            self.microbatches,
            shared=self._replicas == 1 and not tf.executing_eagerly(),
        )
        self._apply(found)

    def _differentiate(self, x, y, sample_weight, examples=None):
        """Computes the gradients of the student's scaled loss.

        Args:
            x: inputs, as of `terms`.
            y: labels, as of `terms`.
            sample_weight: weights, as Keras passes them.
            examples: the number of examples of the step, over all replicas;
                those of this batch when None.

        Returns:
            The gradients, the terms, the student's output and the sum of its
            layers' losses.
        """
        local, across_replicas = replicas.count_examples(y, self._replicas)
        examples = across_replicas if examples is None else examples
        share = None
        if self._parts > 1:
            share = tf.math.divide_no_nan(local, across_replicas)
            share *= self._replicas
        y, weight = self.outputs.example_weights(y, sample_weight)
        with tf.GradientTape() as tape:
            with layers.weighed(share):
                terms, outputs = self._terms(x, y, training=True)
            terms = weighted_batch.weigh(terms, weight)
            additional = self._additional_losses()
            # Gradients are summed over the replicas. Each replica therefore
            # divides by the number of examples in the global batch, which is
            # right for replicas of any size.
            loss = tf.reduce_sum(terms["total"]) / examples
            loss += additional * local / examples
            scaled = self.optimizer.scale_loss(loss)
        found = tape.gradient(scaled, self.trained_variables)
        return (
            replicas.of_examples(found, local, self._parts),
            terms,
            outputs,
            additional,
        )

    def _apply(self, found):
        gradients.apply(
            self.optimizer,
            found,
            self.trained_variables,
            replicas=self._replicas,
        )
