"""The one HTML page: it loads the scripts, and they find out by its address what to show."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path

__all__ = ["SCRIPTS", "STATIC", "STYLES", "shell"]

STATIC = Path(__file__).with_name("static")

SCRIPTS = (
    "vendor/preact.js",
    "vendor/hooks.js",
    "vendor/htm.js",
    "vendor/uplot.js",
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
)
"""In the order in which they need each other; there is no build step."""

STYLES = ("vendor/uplot.css", "style.css")


def shell(pages: Mapping[str, str]) -> str:
    """The page; it has nothing of the store in it.

    Args:
        pages: name -> title of the pages of subjects and plugins.
    """
    styles = "\n".join(f'<link rel="stylesheet" href="/static/{name}">' for name in STYLES)
    scripts = "\n".join(f'<script defer src="/static/{name}"></script>' for name in SCRIPTS)
    known = html.escape(json.dumps(dict(pages)), quote=True)
    files = html.escape(json.dumps({"scripts": SCRIPTS, "styles": STYLES}), quote=True)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>assay</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
{styles}
{scripts}
</head>
<body data-pages="{known}" data-files="{files}">
<div id="app"><p class="loading">Loading ...</p></div>
<noscript>These pages need JavaScript; `assay results` and `assay report` do not.</noscript>
</body>
</html>
"""
