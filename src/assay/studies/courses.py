"""Courses: built-in studies in the order of a course, each course with a page."""

from __future__ import annotations

from dataclasses import dataclass

from assay.core.registry import Registry
from assay.studies import library

__all__ = ["COURSES", "Course"]


@dataclass(frozen=True)
class Course:
    """A course.

    Attributes:
        title: its subject, in a few words.
        page: its page, relative to the root of the repository.
        studies: names of built-in studies, in order.
    """

    title: str
    page: str
    studies: tuple[str, ...]

    @property
    def here(self) -> tuple[str, ...]:
        """Return its available studies, because subjects are optional."""
        return tuple(name for name in self.studies if library.is_built_in(name))


COURSES: Registry[Course] = Registry("course", contract=Course)
"""Name -> course."""

COURSES.add("leiden")(
    Course(
        "From the nearest class mean to generated faces (Leiden, Introduction to Deep Learning)",
        "docs/course-leiden.md",
        (
            "digits-16",
            "xor",
            "mnist-reference",
            "fashion-reference",
            "mlp-factors",
            "cnn-factors",
            "transfer-cifar10",
            "permuted-pixels",
            "clock-classes",
            "tell-the-time",
            "cats-vae",
            "cats-gan",
        ),
    )
)
COURSES.add("amsterdam")(
    Course(
        "Backpropagation by hand, then a framework (Amsterdam, Deep Learning)",
        "docs/course-amsterdam.md",
        ("from-scratch-cifar10", "tuned-mlp-cifar10", "convnet-cifar10"),
    )
)
COURSES.add("transfer")(
    Course(
        "A backbone that has learned from other images, frozen or trained further",
        "docs/course-transfer.md",
        ("frozen-backbone", "transfer-cifar10"),
    )
)
COURSES.add("athens")(
    Course(
        "Tuners and honest class-by-class results (Athens, Neural Networks)",
        "docs/course-athens.md",
        ("fashion-classes", "random-mlp", "hyperband-mlp", "bayes-cnn", "hyperband-cnn-cifar10"),
    )
)
