"""Selection of Keras's backend; a process can only have one."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

from assay.core.errors import EngineError, MissingExtraError, install_extra, unknown_name

__all__ = ["BACKENDS", "backend_name", "check_keras", "choose_backend", "load_keras", "silence"]

BACKENDS = ("tensorflow", "jax", "torch")
_VARIABLE = "KERAS_BACKEND"


def backend_name() -> str:
    """Return the backend: the loaded one, else env KERAS_BACKEND, else tensorflow.

    Raises:
        EngineError: KERAS_BACKEND is not a backend.
    """
    if "keras" in sys.modules:
        return str(sys.modules["keras"].backend.backend())
    name = os.environ.get(_VARIABLE) or BACKENDS[0]
    if name not in BACKENDS:
        raise EngineError(unknown_name("backend of Keras", name, BACKENDS))
    return name


def choose_backend(name: str) -> None:
    """Use this backend in this process and its child processes.

    Raises:
        EngineError: there is no such backend, or Keras is running with another one.
    """
    if name not in BACKENDS:
        raise EngineError(unknown_name("backend of Keras", name, BACKENDS))
    if "keras" in sys.modules and backend_name() != name:
        raise EngineError(
            f"Keras runs on {backend_name()} in this process already, got backend {name!r}; "
            "expected one backend a process"
        )
    os.environ[_VARIABLE] = name


def check_keras() -> None:
    """Raise MissingExtraError if Keras or its backend is not installed; imports neither."""
    name = backend_name()
    if find_spec("keras") is None or (name == "tensorflow" and find_spec(name) is None):
        missing = "keras" if find_spec("keras") is None else name
        raise MissingExtraError(
            f"the keras engine needs {missing}, which is not installed; {install_extra('keras')}"
        )
    if find_spec(name) is None:
        raise MissingExtraError(
            f"the keras engine's backend {name} is not installed: pip install {name}"
        )


def load_keras(threads: int = 0) -> ModuleType:
    """Import Keras with the chosen backend.

    Args:
        threads: threads of one worker, if the backend is not running yet; 0 lets it decide.

    Raises:
        MissingExtraError: it is not installed.
    """
    check_keras()
    os.environ[_VARIABLE] = backend_name()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # suppress TensorFlow's build messages
    if threads:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(threads))
    if "keras" in sys.modules:
        return sys.modules["keras"]
    with silence():
        keras = importlib.import_module("keras")
    # each run compiles its own model once, so the warning does not apply
    logging.getLogger("tensorflow").addFilter(lambda said: "retracing" not in str(said.msg))
    return keras


@contextmanager
def silence() -> Iterator[None]:
    """Suppress standard error: TensorFlow prints build messages before it reads its settings.

    Errors are raised and therefore still visible.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
