"""Settings for a user's own model: those of `lit_tf.compress`.

The defaults of `Compress` are the paper's, which trains small networks from
random weights for 300 epochs. A user's student begins with the teacher's blocks
and needs less.
"""

import dataclasses

from lit_tf.config.phase import Phase

EPOCHS = 10  # Of both phases together.
INIT = "teacher_blocks"
ALPHA = 0.5
TEMPERATURE = 4.0
BETA = 0.75
PENALTY = "l2_normalized"


def phase(epochs: int, batch_size: int, learning_rate: float) -> Phase:
    """Returns a phase of AdamW with a short warm-up and cosine decay."""
    return Phase(
        epochs=epochs,
        batch_size=batch_size,
        optimizer="adamw",
        learning_rate=learning_rate,
        weight_decay=0.01,
        warmup=0.05,
        cosine_decay=1.0,
    )


# Shares of the epochs as in the paper.
LIT = phase(6, 32, 1e-3)
FINE_TUNE = phase(4, 32, 5e-4)
# By flag.
DEFAULTS = {
    "init": INIT,
    "alpha": ALPHA,
    "temperature": TEMPERATURE,
    "beta": BETA,
    "penalty": PENALTY,
    "fresh_batch_norm": True,
    **{
        f"{name}_{field.name}": getattr(values, field.name)
        for name, values in (("lit", LIT), ("fine_tune", FINE_TUNE))
        for field in dataclasses.fields(Phase)
    },
}
