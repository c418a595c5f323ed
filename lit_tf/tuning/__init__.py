"""The paper's tuning: what `lit-tune` tries, in which order, and chooses."""
