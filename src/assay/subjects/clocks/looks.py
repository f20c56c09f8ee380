"""Rotations of pictures of clocks for test-time augmentation."""

from __future__ import annotations

__all__ = ["TURNS"]

TURNS = (0.0, 0.008, -0.008, 0.02, -0.02, 0.04, -0.04, 0.06, -0.06)
"""Clockwise, in turns, the smaller ones first. The predictions are averaged:
benchmarks/results/clocks-DATE-course.json has a reader's mean error with one look, five and nine.
"""
