"""The reference of the study language, written from the declarations that read and check it.

`python -m assay.apps.reference FILE` writes the page; `scripts/docs` calls it for docs/studies.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, get_type_hints

from assay.core.config import Option

__all__ = ["page", "undocumented"]


def page() -> str:
    """The whole page as Markdown."""
    text = (files("assay.apps") / "reference.md").read_text(encoding="utf-8")
    for name, lines in _parts().items():
        text = text.replace(f"<!-- {name} -->", "\n".join(lines))
    return text


def undocumented() -> list[str]:
    """Keys without a word of help, or without what they accept."""
    from assay.data.catalog import ENTRIES
    from assay.data.specs import DEFAULTS, HELP, OPTIONAL

    found = [
        f"{where}: {name}"
        for where, options in _tables()
        for name, option in options.items()
        if not (option.help and option.takes)
    ]
    found += [f"dataset: {key}" for key in {**DEFAULTS, **OPTIONAL} if key not in HELP]
    for name in ENTRIES:
        entry = ENTRIES[name]
        keys = {**entry.options, **entry.optional}
        found += [f"dataset {name}: {key}" for key in keys if key not in entry.help]
    return found


def _tables() -> Iterator[tuple[str, Mapping[str, Option]]]:
    """Where each table of options belongs, and the table."""
    from assay.engines.pretraining import PRETRAININGS
    from assay.engines.training import OPTIMIZERS, SCHEDULES
    from assay.networks.families import FAMILIES
    from assay.studies import training
    from assay.tasks.contract import TASKS, task_options

    yield "training", training.TRAINING
    yield "training.early_stopping", training.STOPPING
    yield "training.augment", training.AUGMENT
    for name in OPTIMIZERS:
        yield f"optimizer `{name}`", training.optimizer_settings(name)
    for name in SCHEDULES:
        yield f"schedule `{name}`", training.schedule_settings(name)
    for name in PRETRAININGS:
        yield f"pretraining `{name}`", PRETRAININGS[name].options
    for name in FAMILIES:
        yield f"network family `{name}`", FAMILIES[name].options
    for name in TASKS:
        yield f"task `{name}`", task_options(name)


def _parts() -> dict[str, list[str]]:
    from assay.studies.search.reading import KEYS as SEARCH
    from assay.studies.study import KEYS

    tables = list(_tables())
    return {
        "keys": list(_table(("key", "what it does"), _words(KEYS))),
        "search": list(_table(("key", "what it does"), _words(SEARCH))),
        "dataset": list(_dataset()),
        "datasets": list(_datasets()),
        "training": list(_options(tables[0][1])),
        "early_stopping": list(_options(tables[1][1])),
        "augment": list(_options(tables[2][1])),
        "optimizers": list(_named(tables, "optimizer")),
        "schedules": list(_named(tables, "schedule")),
        "pretraining": list(_named(tables, "pretraining")),
        "families": list(_named(tables, "network family")),
        "tasks": list(_named(tables, "task")),
        "layers": list(_layers()),
    }


def _words(keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((f"`{key}`", text) for key, text in keys.items())


def _named(tables: Iterable[tuple[str, Mapping[str, Option]]], kind: str) -> Iterator[str]:
    for where, options in tables:
        if not where.startswith(f"{kind} `"):
            continue
        yield f"**{where.removeprefix(kind).strip()}**" + ("" if options else ": no settings")
        yield ""
        if options:
            yield from _options(options)
            yield ""


def _options(options: Mapping[str, Option]) -> Iterator[str]:
    rows = (
        (f"`{name}`", option.takes, _default(option.default), option.help)
        for name, option in options.items()
    )
    return _table(("setting", "takes", "default", "what it does"), rows)


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(str(v) for v in value.values())
    return str(value).lower() if isinstance(value, bool) else f"`{value}`"


def _dataset() -> Iterator[str]:
    from assay.data.specs import DEFAULTS, HELP, OPTIONAL
    from assay.data.transforms import TRANSFORMS

    usual = {**DEFAULTS, **OPTIONAL}
    rows = [(f"`{key}`", HELP[key][0], _default(usual[key]), HELP[key][1]) for key in usual]
    for name in TRANSFORMS:
        transform = TRANSFORMS[name]
        rows.append((f"`{name}`", transform.help[0], _default(transform.usual), transform.help[1]))
    return _table(("key", "takes", "default", "what it does"), rows)


def _datasets() -> Iterator[str]:
    from assay.data.catalog import ENTRIES

    for name in ENTRIES:
        entry = ENTRIES[name]
        yield f"**`{name}`**: {entry.title}"
        yield ""
        usual = {**entry.options, **entry.optional}
        if usual:
            rows = [
                (f"`{k}`", entry.help[k][0], _default(usual[k]), entry.help[k][1]) for k in usual
            ]
            yield from _table(("key", "takes", "default", "what it does"), rows)
            yield ""


def _layers() -> Iterator[str]:
    """A row for each layer: how it is written, its settings with defaults, what it is."""
    from assay.networks.generator_layers import LAYERS

    def rows() -> Iterator[tuple[str, str, str]]:
        for kind, cls in LAYERS.items():
            hints = get_type_hints(cls)
            said = [_setting(f.name, f.default, hints[f.name]) for f in fields(cls)]
            first = (cls.__doc__ or "").strip().split("\n\n")[0]
            yield f"`{kind}`", ", ".join(said), " ".join(first.split())

    return _table(("layer", "settings", "what it is"), rows())


def _setting(name: str, default: Any, hint: Any) -> str:
    if default is MISSING:
        return f"`{name}`"
    shown = getattr(default, "name", default)
    if shown is not None and not isinstance(shown, (str, int, float, bool)):
        shown = "none"
    return f"`{name}: {json.dumps(shown) if isinstance(shown, bool) else shown}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
