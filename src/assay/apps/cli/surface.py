"""`assay loss-surface`: draws the loss around the final weights of a run."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import stored_runs
from assay.apps.cli.options import Drawn, OutFile, Places, figure_file
from assay.core.errors import ConfigError

__all__ = ["loss_surface"]

MOST_POINTS, MOST_IMAGES = 101, 20_000


def loss_surface(
    run: Annotated[str, Parameter(completer=stored_runs)],
    /,
    *,
    weights: Annotated[tuple[str, str] | None, Parameter(negative="")] = None,
    points: int = 25,
    reach: float | None = None,
    images: int = 1000,
    seed: int = 0,
    to: Drawn | None = None,
    out: OutFile | None = None,
    width: float = 6.0,
    places: Places | None = None,
) -> None:
    """Draw the loss around the weights of a run, along two of them or two random directions.

    The loss is the mean over training images. Each filter of a random direction has the norm of the
    filter that it moves (Li et al. 2018).

    Args:
        run: A run of the store, or the start of its name.
        weights: Two single weights that change while all others stay, for example --weights
            "trunk.1.kernel[0,0]" "trunk.1.kernel[1,1]"; a wrong name lists those of the run.
        points: Points on each side of the square, an odd number.
        reach: Distance from the run to an edge. For weights, what is added to them [twice the
            larger one, at least 2]; otherwise each filter has moved by its own norm at 1 [1].
        images: How many training images, drawn at random.
        seed: Seed of the two directions and of the sample of images.
        to: svg, pdf or png [the ending of --out, or else png].
        out: The file [RUN-loss-surface.png here].
        width: Inches.
    """
    from assay.apps.cli.export import stored_run
    from assay.apps.papers import save_figure
    from assay.apps.surfaces import loss_surface as compute
    from assay.data import load
    from assay.reports.surface_figure import surface_plot

    for name, value, good, expected in (
        ("points", points, points % 2 == 1 and 3 <= points <= MOST_POINTS,
         f"an odd number from 3 to {MOST_POINTS}"),
        ("reach", reach, reach is None or 0 < reach <= 100, "a number in (0, 100]"),
        ("images", images, 1 <= images <= MOST_IMAGES,
         f"a whole number from 1 to {MOST_IMAGES:,}"),
        ("seed", seed, 0 <= seed < 2**32, "a whole number from 0 to 4294967295"),
    ):  # fmt: skip
        if not good:
            raise ConfigError(f"--{name} {value}: expected {expected}")
    places = places or Places()
    record, network = stored_run(run, "loss-surface", places)
    path, kind = figure_file(out, to, f"{record.run_id}-loss-surface.png")
    dataset = load(record.config["dataset"], places.data_path)
    given = {"points": points, "images": images, "seed": seed}
    found = compute(record, network, dataset, weights=weights, reach=reach, **given)
    plot = surface_plot(found, record.run_id, dataset.name)
    for file in save_figure(plot, path, kind, width):
        console.say(f"figure: {file}")
    console.say(plot.caption)
