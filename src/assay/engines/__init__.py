"""Engines, which train networks, with the recipe and the training loop that they share."""
