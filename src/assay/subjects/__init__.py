"""Subjects, which extend the core as plugins do. Each folder can be deleted without affecting the
others.
"""
