"""Searches: a sampler proposes points of a space, and ordinary runs evaluate them."""
