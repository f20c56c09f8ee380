"""Drawings of networks: a box for each layer, with its output shape and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from assay.core.plans import PlanData
from assay.reports.drawing import Plot
from assay.reports.settings import NetworkOf
from assay.reports.style import NARROW, SMALLEST, WIDE, new_figure, shorten, styled
from assay.reports.svg import INK, PALETTE, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from assay.networks.network import Network

__all__ = ["LayerBox", "architecture_plot", "boxes", "draw_architecture"]

MOST = 4
"""Maximum number of networks to draw."""

BOXES = 24
"""Maximum number of boxes of one network; the middle ones are omitted."""

_QUIET = ("activation", "dropout", "batch_norm", "flatten", "noise", "gaussian_noise")
"""Layers that are shown in the box of the preceding layer."""


class LayerBox(TypedDict):
    """A layer as a box: its kind, what more its box tells, output shape and parameters."""

    kind: str
    more: list[str]
    shape: tuple[int, ...]
    parameters: int


def architecture_plot(
    studies: Sequence[tuple[str, PlanData, NetworkOf]],
) -> Plot | None:
    """Return a drawing of the different networks of some studies; None if none can be built.

    Args:
        studies: name, plan, and a function that builds the network of a configuration.
    """
    found: dict[tuple[object, ...], tuple[list[LayerBox], list[str]]] = {}
    for name, plan, network_of in studies:
        for trial in plan["trials"]:
            network = network_of(trial.get("config") or {})
            if network is None:
                continue
            made = boxes(network)
            key = tuple((b["kind"], b["shape"], b["parameters"]) for b in made)
            _, users = found.setdefault(key, (made, []))
            users.append(f"{name}: {trial['label']}" if len(studies) > 1 else str(trial["label"]))
    if not found:
        return None
    shown = [(made, _whose(users)) for made, users in list(found.values())[:MOST]]
    more = len(found) - len(shown)
    texts = "; ".join(
        f"{title}: {sum(b['parameters'] for b in made):,} parameters in {len(made) - 1} boxes"
        for made, title in shown
    )
    caption = (
        "Networks from the image to the output. Each box shows a layer with the layers attached to "
        "it, its output shape, and its trainable parameters. Layers with parameters are filled."
        + (f" {more} more {'network is' if more == 1 else 'networks are'} not drawn."
           if more else "")
    )  # fmt: skip
    return Plot(
        "architecture",
        "Networks",
        f"Drawing of {len(shown)} networks as chains of boxes. {texts}.",
        caption,
        tuple(partial(draw_architecture, made, title) for made, title in shown),
        lesser=3,
    )


def _whose(users: Sequence[str]) -> str:
    first = users[0]
    return first if len(users) == 1 else f"{first} and {len(users) - 1} more"


def boxes(network: Network) -> list[LayerBox]:
    """Return a network's layers as boxes: {"kind", "more", "shape", "parameters"}.

    A layer without parameters that keeps the shape (activation, dropout, ...) is shown in the box
    of the preceding layer.
    """
    from assay.networks.table import layer_table

    made: list[LayerBox] = [
        {"kind": "input", "more": [], "shape": network.input_shape, "parameters": 0}
    ]
    for row in layer_table(network):
        kind, _, options = str(row["layer"]).partition(",")
        words = kind.split()
        if words[0] in _QUIET:
            told = " ".join(words[1:]) if words[0] == "activation" else kind
            made[-1]["more"].append(told.replace("_", " ") or words[0])
            made[-1]["parameters"] += row["parameters"]
            made[-1]["shape"] = row["output_shape"]
            continue
        size = [f"{v}×{v}" for v in _option(options, "kernel_size")]
        more = [*size, *(f"stride {v}" for v in _option(options, "strides"))]
        made.append(
            {
                "kind": kind.replace("_", " "),
                "more": more,
                "shape": row["output_shape"],
                "parameters": row["parameters"],
            }
        )
    return made


def _option(options: str, name: str) -> list[str]:
    parts = [part.strip().split(" ", 1) for part in options.split(",")]
    return [part[1] for part in parts if part[0] == name and len(part) == 2]


def _some(made: Sequence[LayerBox]) -> list[LayerBox]:
    if len(made) <= BOXES:
        return list(made)
    gap = len(made) - BOXES + 1
    text: LayerBox = {"kind": f"{gap} more layers", "more": [], "shape": (), "parameters": 0}
    return [*made[: BOXES - 6], text, *made[len(made) - 5 :]]


@styled
def draw_architecture(made: Sequence[LayerBox], title: str = "", width: float = WIDE) -> Figure:
    """Draw boxes of `boxes` from left to right, line by line."""
    from matplotlib.patches import FancyBboxPatch

    shown = _some(made)
    columns = max(2, int(width / 1.18))
    lines = -(-len(shown) // columns)
    columns = -(-len(shown) // lines)
    pitch, tall = width / columns, 0.92
    figure = new_figure(0.3 + lines * tall, width)
    figure.set_layout_engine("none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, 0.3 + lines * tall))
    ax.set_axis_off()
    most = 90 if width > NARROW else 48
    ax.text(0.02, 0.3 + lines * tall - 0.17, shorten(title, most), weight="bold", va="center")
    for i, box in enumerate(shown):
        line, column = divmod(i, columns)
        x, y = column * pitch, (lines - 1 - line) * tall + 0.1
        wide = pitch - 0.2
        filled = box["parameters"] > 0
        patch = FancyBboxPatch(
            (x + 0.04, y), wide, tall - 0.2, boxstyle="round,pad=0,rounding_size=0.05",
            fc=PALETTE[0] if filled else PAPER, alpha=0.16 if filled else 1.0, ec="none",
        )  # fmt: skip
        edge = FancyBboxPatch(
            (x + 0.04, y), wide, tall - 0.2, boxstyle="round,pad=0,rounding_size=0.05",
            fc="none", ec=INK, lw=0.8,
        )  # fmt: skip
        ax.add_patch(patch)
        ax.add_patch(edge)
        for row, text in enumerate(_texts(box, int(wide * 13.5))):
            ax.text(x + 0.04 + wide / 2, y + tall - 0.31 - 0.152 * row, text, ha="center",
                    va="center", size=SMALLEST, weight="normal" if row else "bold")  # fmt: skip
        if i + 1 < len(shown):
            last = column + 1 == columns
            _arrow(ax, (x + 0.04, y, wide, tall), 0.04 + wide / 2 if last else None)
    return figure


def _arrow(ax: Axes, box: tuple[float, float, float, float], home: float | None) -> None:
    """Draw an arrow from a box (left, bottom, width, pitch of lines) to the next one: to its right,
    or from its bottom to the middle `home` of the first box of the next line."""
    left, bottom, wide, tall = box
    if home is None:
        start = (left + wide, bottom + (tall - 0.2) / 2)
        points = [start, (start[0] + 0.17, start[1])]
    else:
        middle = left + wide / 2
        points = [(middle, bottom), (middle, bottom - 0.1), (home, bottom - 0.1),
                  (home, bottom - 0.2)]  # fmt: skip
    ax.annotate("", points[-1], points[-2], arrowprops={
        "arrowstyle": "-|>,head_length=0.25,head_width=0.12", "color": INK, "lw": 0.9,
        "shrinkA": 0, "shrinkB": 0})  # fmt: skip
    ax.plot(*zip(*points[:-1], strict=True), color=INK, lw=0.9)


def _texts(box: Mapping[str, Any], columns: int) -> list[str]:
    """Return at most four lines of a box."""
    shape = "×".join(map(str, box["shape"]))
    count = f"{box['parameters']:,}" if box["parameters"] else ""
    more = ", ".join(box["more"])
    return [shorten(text, columns) for text in (box["kind"], more, shape, count) if text]
