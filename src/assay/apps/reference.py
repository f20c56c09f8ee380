"""The reference of the study language, written from the declarations that read and check it.

`python -m assay.apps.reference FILE` writes the page; `scripts/docs` calls it for docs/studies.md.
It contains only assay's own parts, not those of installed plugins.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from assay.core.config import Option
from assay.core.options import REQUIRED, accepts, as_option, is_plain, options_of
from assay.core.registry import Registry
from assay.core.yaml import in_one_line

__all__ = ["page", "undocumented"]

Tables = list[tuple[str, str, Mapping[str, Option]]]
"""Part of the page, title of the table (or "") and its settings."""


def page() -> str:
    """The whole page as Markdown."""
    text = (files("assay.apps") / "reference.md").read_text(encoding="utf-8")
    # sources of initial weights are registered by subjects, which may be absent
    parts: dict[str, list[str]] = {"folder layouts": list(_layouts()), "pretraining": []}
    for part, title, options in _tables():
        lines = parts.setdefault(part, [])
        lines += [title + ("" if options else ": no settings"), ""] if title else []
        lines += [*_table(options), ""] if options else []
    for name, lines in parts.items():
        text = text.replace(f"<!-- {name} -->", "\n".join(lines).rstrip())
    return text


def undocumented() -> list[str]:
    """Return keys without help, without accepted values, or without an example."""
    return [
        f"{title or part}: {name}"
        for part, title, options in _tables()
        for name, option in options.items()
        if not (option.help and accepts(option) and _example(name, option))
    ]


def _own(registry: Registry[Any]) -> list[str]:
    """Return the names of assay's own parts."""
    return [name for name in registry if registry.place(name).module.startswith("assay.")]


def _tables() -> Tables:
    """Yield every table of the page, in order."""
    from assay.engines.augmentations import AUGMENTATIONS
    from assay.engines.averaging import Lookahead
    from assay.engines.optimizers.optimizer import OPTIMIZERS
    from assay.engines.pretraining import PRETRAININGS
    from assay.engines.schedules import SCHEDULES
    from assay.engines.training import Augment
    from assay.networks.families import FAMILIES
    from assay.networks.initializers import Initializer
    from assay.networks.regularizers import Regularizer
    from assay.studies import training
    from assay.studies.keys import STUDY
    from assay.studies.published import PUBLISHED
    from assay.studies.search.keys import HALVING_OPTIONS, PARAMETER, SEARCH
    from assay.tasks.task import TASKS, task_options

    return [
        ("keys", "", STUDY),
        ("published", "", PUBLISHED),
        *_datasets(),
        *(("families", f"**`{name}`**", FAMILIES[name].options) for name in _own(FAMILIES)),
        ("initializers", "", options_of(Initializer)),
        ("regularizers", "", options_of(Regularizer)),
        *_layers(),
        ("training", "", training.TRAINING),
        *(("optimizers", f"**`{n}`**", options_of(OPTIMIZERS[n])) for n in _own(OPTIMIZERS)),
        *(("schedules", f"**`{n}`**", options_of(SCHEDULES[n])) for n in _own(SCHEDULES)),
        ("early_stopping", "", training.STOPPING),
        ("lookahead", "", options_of(Lookahead)),
        ("augment", "", Augment.options()),
        *(("augment", f"**`{n}`**", options_of(AUGMENTATIONS[n])) for n in _own(AUGMENTATIONS)),
        *(("pretraining", f"**`{n}`**", PRETRAININGS[n].options) for n in _own(PRETRAININGS)),
        *(("tasks", f"**`{name}`**", task_options(name)) for name in _own(TASKS)),
        ("search", "", SEARCH),
        ("space", "", PARAMETER),
        ("halving", "", HALVING_OPTIONS),
    ]


def _datasets() -> Tables:
    from assay.data.catalog import ENTRIES
    from assay.data.specs import shared_settings

    found: Tables = [("dataset", "", shared_settings())]
    for name in _own(ENTRIES):
        entry = ENTRIES[name]
        own = {**entry.options, **entry.optional}
        options = {key: as_option(option) for key, option in own.items()}
        found.append(("datasets", f"**`{name}`**: {entry.title}", options))
    return found


def _layers() -> Tables:
    """Yield a table for each layer, with the first words of its description."""
    from assay.networks.image_layers import LAYERS
    from assay.networks.parse import layer_options

    found: Tables = []
    for kind, cls in LAYERS.items():
        said = " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())
        found.append(("layers", f"**`{kind}`**: {said}", layer_options(cls)))
    return found


def _layouts() -> Iterator[str]:
    from assay.data.layout import PARTS

    yield "| part | names of its folder |"
    yield "|---|---|"
    for part, names in PARTS.items():
        yield f"| {part} | {', '.join(f'`{name}`' for name in names)} |"


def _table(options: Mapping[str, Option]) -> Iterator[str]:
    yield "| key | what it does | takes | default | example |"
    yield "|---|---|---|---|---|"
    for name, option in options.items():
        cells = (
            f"`{name}`",
            option.help,
            accepts(option),
            _default(option.default),
            f"`{_example(name, option)}`",
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(value: Any) -> str:
    if value is REQUIRED:
        return "must be given"
    shown = getattr(value, "name", value)
    if shown is None or shown == "" or not is_plain(shown):
        return ""
    return f"`{in_one_line(shown)}`"


def _example(name: str, option: Option) -> str:
    """Return `key: value` as one line of YAML; "" if no example is known."""
    value = option.default if option.example is None else option.example
    value = getattr(value, "name", value)
    if value is None or value is REQUIRED or value == "" or not is_plain(value):
        return ""
    return f"{name}: {in_one_line(value)}"


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m assay.apps.reference", description=__doc__)
    parser.add_argument("file", type=Path, help="where to write the page")
    parser.parse_args().file.write_text(page(), encoding="utf-8")
