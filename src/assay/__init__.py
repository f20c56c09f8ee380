"""assay runs controlled experiments on small neural networks for images.

import assay

results = assay.run("tour", scale="smoke")
results.table()
assay.load("assay-store")["tour"].sentences()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.apps.api import run
    from assay.apps.results import Results, Studies, load
    from assay.apps.sklearn import AssayClassifier
    from assay.core.errors import AssayError
    from assay.core.extend import (
        register_command,
        register_dataset,
        register_engine,
        register_executor,
        register_metric,
        register_network,
        register_optimizer,
        register_page,
        register_pretraining,
        register_program,
        register_sampler,
        register_schedule,
        register_section,
        register_studies,
        register_task,
        register_transform,
    )

__all__ = [
    "AssayClassifier",
    "AssayError",
    "Results",
    "Studies",
    "__version__",
    "load",
    "register_command",
    "register_dataset",
    "register_engine",
    "register_executor",
    "register_metric",
    "register_network",
    "register_optimizer",
    "register_page",
    "register_pretraining",
    "register_program",
    "register_sampler",
    "register_schedule",
    "register_section",
    "register_studies",
    "register_task",
    "register_transform",
    "run",
]

# name -> module that has it; imported when it is asked for, so that `import assay` costs nothing
_HOMES = {
    "AssayClassifier": "assay.apps.sklearn",
    "AssayError": "assay.core.errors",
    "Results": "assay.apps.results",
    "Studies": "assay.apps.results",
    "load": "assay.apps.results",
    "run": "assay.apps.api",
    **{name: "assay.core.extend" for name in __all__ if name.startswith("register_")},
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from assay.core.machine import own_version

        return own_version()
    if name not in _HOMES:
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
