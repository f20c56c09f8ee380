"""assay runs controlled experiments on small neural networks for images."""
