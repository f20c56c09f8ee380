"""Analog clocks: the arithmetic of the dial, label schemes for times, and a renderer.

The tasks, the label schemes and the renderer share the targets of a dataset of clocks. These are
rows (hour, minute), integers, or (hour, minute, twelve, minute_hand, hour_hand), float32: hour
0..11, minute 0..59 and, if the renderer knows them, the directions of the dial's 12 and of both
hands. Directions are in clockwise turns in [0, 1), measured on the dial from the point that is
straight up in the image. They are measured on the dial because a tilt distorts angles in the image;
only on the dial do their differences give the time exactly.

A dataset that can draw new images for every epoch has `Dataset.fresh`, a function from the number
of the epoch to a `Split` like `train`.
"""

from __future__ import annotations

from pathlib import Path

from assay.core.extend import (
    register_command,
    register_dataset,
    register_metric,
    register_network,
    register_page,
    register_pretraining,
    register_section,
    register_studies,
    register_task,
)

_HERE = "assay.subjects.clocks"

register_dataset("clocks", f"{_HERE}.own_files:OWN")
register_dataset("clock-photos", f"{_HERE}.photos:PHOTOS")
register_dataset("clocks-rendered", f"{_HERE}.dataset:RENDERED")
register_network("clock-cnn", f"{_HERE}.cnn:CLOCK_CNN")
register_network("clock-net", f"{_HERE}.net:CLOCK_NET")
register_task("tell_time", f"{_HERE}.task:TELL_TIME")
register_pretraining("reader", f"{_HERE}.pretraining:ReaderPretraining")
register_pretraining("rendered", f"{_HERE}.pretraining:RenderedPretraining")
for _name in ("minutes", "median_minutes", "within_1_minute", "within_5_minutes", "hour_flip_rate"):
    register_metric(_name, f"{_HERE}.metrics:{_name}")
register_page("clock", f"{_HERE}.page:PAGE")
register_section("clocks", f"{_HERE}.section:SECTION")
register_command(
    "clocks", f"{_HERE}.commands:app", help="Draw analog clocks, and read them in photos."
)
register_studies("clocks", Path(__file__).with_name("studies"))
