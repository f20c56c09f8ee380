"""The shape of the package, read from its source: which way imports point, and how long things are.

The rules are the data at the top; the tests below only apply them.
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "src" / "assay"

ORDER = [
    "core",
    "data",
    "networks",
    "tasks",
    "engines",
    "studies",
    "execution",
    "statistics",
    "reports",
    "apps",
    "testing",
    "subjects",
]
"""A package imports itself and what stands to its left: nothing imports a subject."""

NEVER = {
    # an old study is read with no engine at all
    "statistics": {"engines", "tasks", "studies", "execution"},
    "reports": {"engines", "tasks", "studies", "execution"},
}
"""Arrows that the order would allow and that are refused all the same."""

LIGHT = {"core", "data", "networks", "studies", "statistics", "reports", "apps"}
"""Packages that are loaded for a plan, a table or `--help`."""

LATE = {
    "torch": LIGHT,
    "tensorflow": LIGHT,
    "optuna": LIGHT,
    "matplotlib": LIGHT - {"reports"},
    "pandas": LIGHT - {"statistics"} | {"engines", "tasks"},
    "sklearn": LIGHT - {"statistics", "reports"} | {"engines", "tasks"},
    "numpy": {"apps"},
}
"""Library -> packages that may import it inside functions only, so that they start fast."""

ADAPTERS = {"assay.apps.sklearn": {"numpy", "sklearn"}}
"""Packages that make one of a library's own things and so need it at once -> those libraries.

Who starts fast imports them inside functions only."""

FILE_LINES = 350
FUNCTION_LINES = 60
HOST = re.compile(r"""(?:https?:)?//(?!www\.w3\.org/)[\w-]+(?:\.[\w-]+)+""")
"""Addresses; the namespaces of SVG and XHTML are names, not hosts."""


def adapter(module: str) -> str | None:
    """The adapter that a module belongs to, if it is part of one."""
    return next((a for a in ADAPTERS if f"{module}.".startswith(f"{a}.")), None)


@functools.cache
def sources() -> dict[str, ast.Module]:
    """Module name -> its syntax tree; read by a test, as every process imports this file."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("assay", *path.relative_to(ROOT).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def imports(tree: ast.AST, late: bool = True) -> Iterator[str]:
    """Every imported dotted name; without `late` only those that run when the module is loaded."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full, not relative"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not late:
            continue
        elif late or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from imports(node, late)


def package(module: str) -> str:
    """The part of assay that a module belongs to; "" for assay itself."""
    return ([*module.split("."), ""])[1]


def rank(name: str) -> int:
    """Place of a package in ORDER; assay itself, which only forwards to the apps, is last."""
    return ORDER.index(name) if name in ORDER else len(ORDER)


def inside(tree: ast.AST, late: bool = True) -> set[str]:
    """Modules of assay that a tree imports (a name in a module counts as the module)."""
    names = (n for n in imports(tree, late) if n.split(".")[0] == "assay")
    return {n if n in sources() else n.rpartition(".")[0] for n in names}


def test_every_package_has_its_place():
    assert {package(m) for m in sources() if m.count(".") > 1} <= set(ORDER)


def test_imports_point_one_way():
    wrong = [
        f"{module} imports {target}"
        for module, tree in sources().items()
        for target in inside(tree)
        if rank(package(target)) > rank(package(module))
        or package(target) in NEVER.get(package(module), ())
    ]
    assert not wrong


def test_subjects_know_nothing_of_each_other():
    def subject(module: str) -> str:
        return ".".join(module.split(".")[:3])

    wrong = [
        f"{module} imports {target}"
        for module, tree in sources().items()
        for target in inside(tree)
        if package(target) == package(module) == "subjects" and subject(target) != subject(module)
    ]
    assert not wrong


def test_no_module_needs_itself():
    graph = {m: inside(tree, late=False) - {m} for m, tree in sources().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_heavy_libraries_are_imported_where_they_are_used():
    wrong = [
        f"{module} imports {name} when it is loaded"
        for module, tree in sources().items()
        for name in imports(tree, late=False)
        if package(module) in LATE.get(name.split(".")[0], ())
        and name.split(".")[0] not in ADAPTERS.get(adapter(module) or "", ())
    ]
    assert not wrong


def test_adapters_are_imported_late():
    wrong = [
        f"{module} imports {target} when it is loaded"
        for module, tree in sources().items()
        for target in inside(tree, late=False)
        if adapter(target) not in (None, adapter(module))
    ]
    assert not wrong


def test_a_class_name_stands_for_one_thing():
    homes = defaultdict(list)
    for module, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(f"{module}:{node.lineno}")
    assert not {name: places for name, places in homes.items() if len(places) > 1}


def test_files_stay_short():
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in ROOT.rglob("*.py")}
    assert not {str(p.relative_to(ROOT)): n for p, n in lengths.items() if n > FILE_LINES}


def test_functions_stay_short():
    long = {
        f"{module}.{node.name}": node.end_lineno - node.lineno + 1
        for module, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    }
    assert not long


def test_pages_load_nothing_from_outside():
    pages = [p for end in ("html", "css", "js", "j2", "svg") for p in ROOT.rglob(f"*.{end}")]
    named = {str(p.relative_to(ROOT)): HOST.findall(p.read_text(encoding="utf-8")) for p in pages}
    assert not {page: hosts for page, hosts in named.items() if hosts}


def test_the_rules_would_notice():
    """The readers above see what they are meant to see."""
    tree = ast.parse("import torch\ndef f():\n    import pandas\nfrom assay.core import errors")
    assert list(imports(tree)) == ["torch", "pandas", "assay.core.errors"]
    assert list(imports(tree, late=False)) == ["torch", "assay.core.errors"]
    assert inside(tree) == {"assay.core.errors"}
    assert HOST.findall('<script src="//cdn.example.org/x.js"> https://example.org') != []
    assert HOST.findall('<svg xmlns="http://www.w3.org/2000/svg"> 1//2 // a comment') == []
