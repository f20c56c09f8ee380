"""Conformance tests for plugins; assay's own parts pass them too.

Each function takes the name of a registered part. It raises AssertionError if the part breaks its
contract, and ConfigError, as a study does, if there is no part of that name or no study can use it:
a method takes other arguments, for example. In a pytest file beside the plugin:

    import my_parts  # registers
    from assay import testing

    def test_signum():
        testing.check_optimizer("signum")

The checks draw a few small arrays or train a few steps on a toy dataset of four classes; each takes
a few seconds at most. docs/extending.md describes each kind of part.
"""

from __future__ import annotations

from assay.testing.judges import check_engine, check_metric, check_sampler
from assay.testing.places import check_executor
from assay.testing.recipes import check_augmentation, check_optimizer, check_schedule
from assay.testing.tasks import check_dataset, check_network, check_task
from assay.testing.toy import toy_dataset

__all__ = [
    "check_augmentation",
    "check_dataset",
    "check_engine",
    "check_executor",
    "check_metric",
    "check_network",
    "check_optimizer",
    "check_sampler",
    "check_schedule",
    "check_task",
    "toy_dataset",
]
