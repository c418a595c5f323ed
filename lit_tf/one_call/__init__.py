"""`lit_tf.compress`: one call from a model and data to a student."""
