"""How fast a step is: what `lit-benchmark` times, and against what."""
