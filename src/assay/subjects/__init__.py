"""Subjects: each folder a guest of the core, which could be deleted without loss to the others."""
