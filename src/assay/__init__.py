"""assay runs controlled experiments on small neural networks for images.

import assay

results = assay.run("tour", scale="smoke")
results.table()
assay.load("assay-store")["tour"].sentences()
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # renamed explicitly, so that type checkers treat them as public
    from assay.apps.api import run as run
    from assay.apps.results import Results as Results
    from assay.apps.results import Studies as Studies
    from assay.apps.results import load as load
    from assay.apps.sklearn import AssayClassifier as AssayClassifier
    from assay.core.errors import AssayError as AssayError
    from assay.core.extend import *  # noqa: F403

    __version__: str

# name -> module that defines it; imported on first access, so that `import assay` is cheap
_HOMES = {
    "AssayClassifier": "assay.apps.sklearn",
    "AssayError": "assay.core.errors",
    "Results": "assay.apps.results",
    "Studies": "assay.apps.results",
    "load": "assay.apps.results",
    "run": "assay.apps.api",
}
_REGISTER = "assay.core.extend"
"""Module that defines all `register_` functions."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from assay.core.machine import own_version

        return own_version()
    if name == "__all__":
        return sorted([*_HOMES, "__version__", *import_module(_REGISTER).__all__])
    home = _REGISTER if name.startswith("register_") else _HOMES.get(name)
    if home is None or not hasattr(module := import_module(home), name):
        said = f"module 'assay' has no attribute {name!r}"
        raise AttributeError(said, name=name, obj=sys.modules[__name__])  # for "did you mean"
    return getattr(module, name)


def __dir__() -> list[str]:
    return __getattr__("__all__")
