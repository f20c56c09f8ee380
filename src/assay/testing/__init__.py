"""Conformance tests for parts of your own: what assay's own parts pass.

Each function takes the name of a registered part and raises AssertionError where the part breaks
its contract, or ConfigError where there is none of that name. In a pytest file beside the plugin:

    import my_parts  # registers
    from assay import testing

    def test_signum():
        testing.check_optimizer("signum")

They draw a few small arrays or train a few steps on a toy dataset of four classes; none takes more
than seconds. docs/extending.md says what each part is.
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
