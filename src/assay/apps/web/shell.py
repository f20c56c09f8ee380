"""The single HTML page, whose scripts decide by its address what to show."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path

__all__ = ["BUNDLES", "STATIC", "bundle", "shell"]

STATIC = Path(__file__).with_name("static")

BUNDLES = {
    "vendor.bundle.js": ("vendor/preact.js", "vendor/hooks.js", "vendor/htm.js", "vendor/uplot.js"),
    "pages.bundle.js": (
        "base.js",
        "parts.js",
        "charts.js",
        "studies.js",
        "study.js",
        "curves.js",
        "search.js",
        "run.js",
        "edit.js",
        "export.js",
        "app.js",
    ),
    "pages.bundle.css": ("vendor/uplot.css", "style.css"),
}
"""Files that are sent as one to save requests, in the order of their dependencies."""


def bundle(name: str) -> str:
    """Return the text of a bundle."""
    between = "\n;\n" if name.endswith(".js") else "\n"
    return between.join((STATIC / part).read_text(encoding="utf-8") for part in BUNDLES[name])


def shell(pages: Mapping[str, str]) -> str:
    """Return the page; it contains no data of the store.

    Args:
        pages: name -> title of the pages of subjects and plugins.
    """
    styles, scripts = ([n for n in BUNDLES if n.endswith(end)] for end in (".css", ".js"))
    looks = "\n".join(f'<link rel="stylesheet" href="/static/{name}">' for name in styles)
    code = "\n".join(f'<script defer src="/static/{name}"></script>' for name in scripts)
    known = html.escape(json.dumps(dict(pages)), quote=True)
    files = html.escape(json.dumps({"scripts": scripts, "styles": styles}), quote=True)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>assay</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
{looks}
{code}
</head>
<body data-pages="{known}" data-files="{files}">
<div id="app"><p class="loading">Loading ...</p></div>
<noscript>These pages need JavaScript; `assay results` and `assay report` do not.</noscript>
</body>
</html>
"""
