"""Several networks that train together, by name: a generator and its discriminator, say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from assay.networks.network import LayerPlace, Network

__all__ = ["Assembly", "assemble"]


@dataclass(frozen=True)
class Assembly(Network):
    """Networks as one description; layers and weights bear the part's name ("generator.trunk.0").

    It has no trunk and no heads of its own. Parameters and multiply-adds are those of all parts,
    each applied once.
    """

    parts: tuple[tuple[str, Network], ...] = ()

    def places(self) -> Iterator[LayerPlace]:
        """The layers of all parts, part by part."""
        for name, network in self.parts:
            for place in network.places():
                yield replace(place, name=f"{name}.{place.name}")

    def __getitem__(self, part: str) -> Network:
        return dict(self.parts)[part]


def assemble(parts: Mapping[str, Network]) -> Assembly:
    """Join networks; what comes into the first one counts as the input of the whole."""
    first = next(iter(parts.values()))
    return Assembly(first.input_shape, (), (), tuple(parts.items()))
