"""What a file imports from beside it is found by reading it."""

from __future__ import annotations

from pathlib import Path

import numpy

from assay.core.imports import imported_beside

FILES = {
    "parts.py": "import os, numpy\nimport first as x\nfrom kit import tools\nimport kit.deep.last",
    "first.py": "def later():\n    from second import VALUE\nimport parts",
    "second.py": "VALUE = 1",
    "unused.py": "",
    "os.txt": "",
    "kit/__init__.py": "",
    "kit/tools.py": "from . import base\nfrom .deep.more import X\nfrom ..outside import Y",
    "kit/base.py": "import first",
    "kit/unused.py": "",
    "kit/deep/__init__.py": "",
    "kit/deep/last.py": "from ..sibling import Z",
    "kit/deep/more.py": "X = 1",
    "kit/sibling.py": "from kit import nothing",
    "wrong.py": "import first\n)",
}


def write(folder: Path) -> None:
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def test_imports_are_followed_in_a_folder_and_in_packages(tmp_path: Path):
    write(tmp_path)
    found = imported_beside(tmp_path / "parts.py")
    assert {path.relative_to(tmp_path).as_posix(): name for path, name in found.items()} == {
        "first.py": "first",
        "second.py": "second",
        "kit/__init__.py": "kit",
        "kit/tools.py": "kit.tools",
        "kit/base.py": "kit.base",
        "kit/sibling.py": "kit.sibling",
        "kit/deep/__init__.py": "kit.deep",
        "kit/deep/last.py": "kit.deep.last",
        "kit/deep/more.py": "kit.deep.more",
    }


def test_a_file_of_a_package_finds_what_is_beside_it(tmp_path: Path):
    write(tmp_path)
    found = imported_beside(tmp_path / "kit" / "deep" / "last.py")
    assert set(found.values()) == {"kit", "kit.sibling"}


def test_files_of_installed_packages_are_not_followed():
    assert imported_beside(Path(str(numpy.__file__))) == {}


def test_a_file_that_is_no_python_imports_nothing(tmp_path: Path):
    write(tmp_path)
    assert imported_beside(tmp_path / "wrong.py") == {}
