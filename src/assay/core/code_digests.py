"""Digests of code: of files of loaded modules, and of parts without a file, as in a notebook."""

from __future__ import annotations

import dis
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from assay.core.errors import CodeChangedError
from assay.core.imports import imported_beside
from assay.core.registry import code_digest

__all__ = ["digest_of_code", "keyed", "loaded_digest", "with_imports"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None))

_READ = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
"""Instructions that read a global name, in a function or in the body of a class."""


def digest_of_code(part: object, module: str) -> str:
    """Return a digest of what a part computes, 16 hexadecimal digits.

    It covers the functions, classes and constants of `module` that the part consists of or uses:
    attributes, base classes, closures, and global names that its functions read. It leaves out
    global lists, dicts and other objects, whose content may change while the part computes.

    Args:
        part: a function, a class, or an object such as a network family.
        module: the module in which the cells of a notebook are run, "__main__".
    """
    found = hashlib.sha256()
    for text in _walk(part, module, set()):
        found.update(text.encode(errors="surrogatepass") + b"\0")
    return found.hexdigest()[:16]


def _walk(node: Any, module: str, seen: set[int]) -> Iterator[str]:
    """Yield texts that differ if a part computes something else."""
    if isinstance(node, _PLAIN):
        yield repr(node)
        return
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, (staticmethod, classmethod)):
        node = node.__func__
    if isinstance(node, FunctionType):
        yield from _code(node.__code__)
        inner: list[Any] = [node.__defaults__, node.__kwdefaults__, *_used(node, module)]
    elif isinstance(node, property):
        inner = [way for way in (node.fget, node.fset, node.fdel) if way]
    elif isinstance(node, type):
        yield f"{node.__module__}.{node.__qualname__}"
        own = node.__module__ == module
        held = [value for name, value in sorted(vars(node).items()) if _counts(name)]
        inner = [*node.__bases__, *held] if own else []
    elif isinstance(node, partial):
        inner = [node.func, node.args, node.keywords]
    elif isinstance(node, Mapping):
        inner = [value for pair in node.items() for value in pair]
    elif isinstance(node, (set, frozenset)):
        inner = sorted(node, key=repr)
    elif isinstance(node, (list, tuple)):
        inner = list(node)
    elif is_dataclass(node):
        inner = [type(node), *(getattr(node, field.name, None) for field in fields(node))]
    else:
        inner = [type(node), getattr(node, "__dict__", None)]
    for item in inner:
        yield from _walk(item, module, seen)


def _used(function: FunctionType, module: str) -> Iterator[Any]:
    """Yield what a function takes from outside: the values of its closure, and those global
    constants, functions and classes of `module` that it reads, after their names."""
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it has no value yet
            yield cell.cell_contents
    for name in sorted(_global_names(function.__code__)):
        value = function.__globals__.get(name)
        if not isinstance(value, (FunctionType, type)):  # a cached or compiled function
            value = getattr(value, "__wrapped__", value)
        theirs = isinstance(value, (FunctionType, type)) and value.__module__ == module
        if theirs or isinstance(value, (*_PLAIN, tuple, frozenset)):
            yield name
            yield value


def _global_names(code: CodeType) -> set[str]:
    """Return the global names that a function reads and does not assign."""
    steps = list(dis.get_instructions(code))
    read = {step.argval for step in steps if step.opname in _READ} - {"__name__"}
    assigned = {step.argval for step in steps if step.opname == "STORE_GLOBAL"}
    inner = (_global_names(value) for value in code.co_consts if isinstance(value, CodeType))
    return read.union(*inner) - assigned


def _counts(name: str) -> bool:
    """Whether an attribute of a class says what it computes."""
    return name not in ("__module__", "__dict__", "__weakref__", "__doc__", "__firstlineno__")


def _code(code: CodeType) -> Iterator[str]:
    """Yield what a function does, not its place."""
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames))
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _code(value)
        else:  # the order of a set differs between processes
            yield repr(sorted(value, key=repr) if isinstance(value, frozenset) else value)


def loaded_digest(module: ModuleType) -> str:
    """Return the digest of a module's file; CodeChangedError if it has changed since it was asked
    for first, soon after the module was loaded."""
    file = Path(str(module.__file__))
    found = code_digest(file.read_bytes())
    if vars(module).setdefault("__assay_digest__", found) != found:
        raise CodeChangedError(file)
    return found


def with_imports(files: Mapping[Path, str]) -> dict[Path, str]:
    """Return files of code and their digests, with those that they import from beside them.

    Raises:
        CodeChangedError: a file is no longer what this process has loaded.
    """
    found = dict(files)
    for file in files:
        for path, name in imported_beside(file).items():
            module = sys.modules.get(name)
            if path in found:
                continue
            if module is not None and str(getattr(module, "__file__", "")) == str(path):
                found[path] = loaded_digest(module)
            else:  # it is imported later, if at all
                found[path] = code_digest(path.read_bytes())
    return found


def keyed(files: Iterable[Path]) -> dict[str, Path]:
    """Return files of code by name; by folder and name if several have one, as packages do."""
    different = sorted(set(files))
    often = Counter(file.name for file in different)
    return {
        f"{file.parent.name}/{file.name}" if often[file.name] > 1 else file.name: file
        for file in different
    }
