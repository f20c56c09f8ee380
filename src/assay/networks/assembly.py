"""Several networks that train together, such as a generator and its discriminator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from assay.networks.network import LayerPlace, Network

__all__ = ["Assembly", "assemble"]


@dataclass(frozen=True)
class Assembly(Network):
    """Networks as one description; layers and weights bear the part's name ("generator.trunk.0").

    It has neither trunk nor heads. Parameters and multiply-adds are those of all parts, each
    applied once.
    """

    parts: tuple[tuple[str, Network], ...] = ()

    def places(self) -> Iterator[LayerPlace]:
        """Yield the layers of all parts, part by part."""
        for name, network in self.parts:
            for place in network.places():
                yield replace(place, name=f"{name}.{place.name}")

    def __getitem__(self, part: str) -> Network:
        return dict(self.parts)[part]


def assemble(parts: Mapping[str, Network]) -> Assembly:
    """Join networks; the input of the first one is that of the assembly."""
    first = next(iter(parts.values()))
    return Assembly(first.input_shape, (), (), tuple(parts.items()))
