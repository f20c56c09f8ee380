"""Animation of the pixels of a permuted picture as they are put back in order."""

from __future__ import annotations

import base64
import io

import numpy as np

__all__ = ["FRAMES", "animation", "gif_uri"]

FRAMES = 40
"""Steps from the permuted to the restored picture."""

_WAITS = {"first": 600, "each": 60, "last": 2000}
"""Duration of a frame in milliseconds."""


def animation(
    truth: np.ndarray, cells: np.ndarray, shape: tuple[int, int], scale: int = 8
) -> bytes:
    """Return a GIF of pixels that move from their permuted to their estimated positions.

    Each is coloured by its true position: red by row, green by column. If the colours end as two
    smooth gradients, the picture is restored, up to rotation and reflection.

    Args:
        truth: (pixels,), true place of the pixel at each place of the permuted picture.
        cells: (pixels,), estimated place of the same pixels.
        shape: height and width.
        scale: how large one pixel is drawn.
    """
    from PIL import Image

    height, width = shape
    rows, columns = np.divmod(truth, width)
    ramps = [40 + 215 * rows / max(height - 1, 1), 40 + 215 * columns / max(width - 1, 1)]
    colour = np.stack([*ramps, np.full(len(truth), 120.0)], -1).astype(np.uint8)
    start = np.stack(np.divmod(np.arange(len(truth)), width), -1).astype(float)
    end = np.stack(np.divmod(cells, width), -1).astype(float)
    pictures = []
    for frame in range(FRAMES + 1):
        share = 0.5 - 0.5 * np.cos(np.pi * frame / FRAMES)
        at = np.rint(start + share * (end - start)).astype(int)
        canvas = np.full((height, width, 3), 16, np.uint8)
        canvas[at[:, 0], at[:, 1]] = colour
        pictures.append(Image.fromarray(canvas.repeat(scale, 0).repeat(scale, 1)))
    waits = [_WAITS["first"], *[_WAITS["each"]] * (FRAMES - 1), _WAITS["last"]]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=waits, loop=0)
    return file.getvalue()


def gif_uri(content: bytes) -> str:
    """Return a GIF as a data URI."""
    return "data:image/gif;base64," + base64.b64encode(content).decode()
