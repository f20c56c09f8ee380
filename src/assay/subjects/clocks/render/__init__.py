"""A renderer of analog clocks: a pinhole camera looking at a dial, batched in PyTorch."""

from assay.subjects.clocks.render.rendering import (
    Rendered,
    draw_scene,
    make_scene,
    marked,
    render,
    targets_of,
)

__all__ = ["Rendered", "draw_scene", "make_scene", "marked", "render", "targets_of"]
