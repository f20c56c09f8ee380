"""Tasks: what a network learns, and the metrics that evaluate it."""
