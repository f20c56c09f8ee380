"""Public signatures say their types: where no type can be said, `Any` is counted, and only less."""

from __future__ import annotations

import ast
import functools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "src" / "assay"

SAY_ANY = {
    "apps": 13,
    "core": 13,
    "data": 2,
    "engines": 2,
    "execution": 5,
    "networks": 5,
    "reports": 3,
    "studies": 2,
    "subjects": 9,
    "tasks": 1,
}
"""Package -> public functions with `Any` in their signature; lower a number whenever it falls.

- Fields of dataclasses whose declaration gives their type: `setting`, `value`, `free`, `size`.
- What users' modules return, Keras's objects and Ray's actors; attributes that are passed on.
- JSON at the border, plain data of any shape, and JSON Schemas that are taken apart again.
- Arithmetic that takes numbers, arrays and tensors alike (`subjects/clocks/time.py`).
- Decorators that return what they were given, and DataFrames, which are lists without pandas.
"""

OPEN = {
    "Answer": "endpoints of a page",
    "Config": "a resolved configuration",
    "Evaluator": "a compiled expression of a search",
    "Number": "a number, or a tensor with the members of a stack in front",
    "Numbers": "the same by name",
    "Receive": "ASGI",
    "Row": "a row of a table, whose columns know their cells",
    "Schema": "a JSON Schema",
    "Scope": "ASGI",
    "Send": "ASGI",
    "Spec": "a section of a configuration",
    "StoredRow": "a row of the index, which is checked as it is decoded",
    "TaskName": "a task with its options",
    "Values": "a point of a space",
    "View": "what the template of a section shows",
}
"""Public aliases that hold `Any`, with what they stand for."""


def says_any(node: ast.AST | None) -> bool:
    """Whether `Any` is in an annotation, be it inside of others or written as a string."""
    if isinstance(node, ast.Call):  # what stands in `Annotated` beside the type
        return False
    if isinstance(node, ast.Constant):
        return bool(re.search(r"\bAny\b", str(node.value)))
    if node is None or isinstance(node, ast.Name):
        return node is not None and node.id == "Any"
    return any(says_any(child) for child in ast.iter_child_nodes(node))


def public_functions(body: list[ast.stmt], inside: bool = False) -> Iterator[ast.FunctionDef]:
    """Functions and methods without an underscore, and the dunder methods of public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, inside=True)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            dunder = inside and node.name.startswith("__")
            if dunder or not node.name.startswith("_"):
                yield node


def signature(function: ast.FunctionDef) -> list[ast.expr | None]:
    a = function.args
    every = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
    return [function.returns, *(arg.annotation for arg in every if arg)]


@functools.cache
def trees() -> list[tuple[str, ast.Module]]:
    """Package and syntax tree of every module."""
    files = sorted(ROOT.rglob("*.py"))
    return [(p.relative_to(ROOT).parts[0], ast.parse(p.read_text(encoding="utf-8"))) for p in files]


def open_aliases(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(
            node.value, ast.Subscript | ast.BinOp | ast.Name
        ):
            name = ast.unparse(node.targets[0])
            if not name.startswith("_") and says_any(node.value):
                yield name


def test_public_signatures_say_types():
    found = Counter(
        package
        for package, tree in trees()
        for function in public_functions(tree.body)
        if any(map(says_any, signature(function)))
    )
    assert dict(found) == SAY_ANY


def test_few_aliases_stand_for_anything():
    assert {name for _, tree in trees() for name in open_aliases(tree)} == set(OPEN)


def test_the_reader_sees_any_wherever_it_stands():
    method = "class A:\n def f(self, *a: 'dict[str, Any]'): ...\n def _g(self) -> Any: ...\n"
    tree = ast.parse(f"{method}B = list[Any]")
    (f,) = public_functions(tree.body)
    assert any(map(says_any, signature(f)))
    assert list(open_aliases(tree)) == ["B"]
