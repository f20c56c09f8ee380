"""Generative models (GANs, VAEs, flow matching), and how close their images are to real ones."""

from __future__ import annotations

from pathlib import Path

from assay.core.extend import (
    register_command,
    register_dataset,
    register_metric,
    register_network,
    register_page,
    register_program,
    register_section,
    register_studies,
    register_task,
)

_HERE = "assay.subjects.generation"

register_dataset("cat-faces", f"{_HERE}.cat_faces:CAT_FACES")
register_dataset("drawn-dials", f"{_HERE}.drawn_dials:DRAWN_DIALS")
register_network("flow", f"{_HERE}.flow:FLOW")
register_network("gan", f"{_HERE}.gan:GAN")
register_network("vae", f"{_HERE}.vae:VAE")
register_task("adversarial", f"{_HERE}.adversarial:ADVERSARIAL")
register_task("autoencode", f"{_HERE}.autoencode:AUTOENCODE")
register_task("flow_matching", f"{_HERE}.flow_matching:FLOW_MATCHING")
register_program("adversarial", f"{_HERE}.training.run:PROGRAM")
register_program("autoencode", f"{_HERE}.training.run:PROGRAM")
register_program("flow_matching", f"{_HERE}.training.run:PROGRAM")
register_metric("distance", f"{_HERE}.metrics:distance")
register_page("faces", f"{_HERE}.page:PAGE")
register_section("generation", f"{_HERE}.section:SECTION")
register_command(
    "sample",
    f"{_HERE}.commands:sample",
    help="Generate pictures with a trained GAN, VAE or flow and write them as one PNG.",
)
register_command(
    "interpolate",
    f"{_HERE}.commands:interpolate",
    help="Interpolate between two latent points and write the pictures as one PNG.",
)
register_studies("generation", Path(__file__).with_name("studies"))
