"""Network families: named recipes that turn a few options into a network.

A family is one file in this package that registers a `Family`. Options are first read into
canonical plain data, so that equivalent options give equal identities, and then built.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from assay.core.config import Entry, Option, Source, read_options
from assay.core.errors import AssayError, NetworkError
from assay.core.options import defaults_of
from assay.core.part_classes import check_defaults
from assay.core.plugins import culprit
from assay.core.records import Spec
from assay.core.registry import Registry
from assay.networks.assembly import Assembly, assemble
from assay.networks.layers import Dense, Layer, Shape
from assay.networks.network import Network
from assay.networks.options import styled

__all__ = [
    "FAMILIES",
    "Family",
    "build_network",
    "checked_family",
    "family_of",
    "makes",
    "read_network",
    "taken_key",
]


@dataclass(frozen=True)
class Family:
    """A recipe for networks.

    Attributes:
        options: every setting with its reader and default.
        trunk: makes the layers before the heads from the complete canonical options and the shape
            of the images; the last layer has a flat output.
        made, parts: for a task that trains several networks together, names of the parts, and
            the function that builds them (instead of `trunk`).
        head: makes additional layers for each head from the complete canonical options, or None.
        dataset: the default dataset for showing a network of this family.
        read: reads all options into canonical data, for a family whose options are not known in
            advance; `options` are those that it always has.
        settle: gives options without effect their defaults, so that networks that are equal have
            equal data; it gets the complete canonical options and the defaults.
        network: makes the whole network (instead of `trunk`) from the options, the shape of the
            images and the units of each head.
        recipe: whether the study's `training:` applies to it; if not, `training:` is not part of
            the identity of its runs.
        code: whether its options name code that is imported and called to build the network.
    """

    options: Mapping[str, Option]
    trunk: Callable[[Spec, Shape], tuple[Layer, ...]] | None = None
    head: Callable[[Spec], Sequence[Layer]] | None = None
    made: tuple[str, ...] = ()
    parts: Callable[[Spec, Shape], tuple[Network, ...]] | None = None
    dataset: str = "mnist"
    read: Callable[[Entry], Spec] | None = None
    settle: Callable[[Spec, Spec], Spec] | None = None
    network: Callable[[Spec, Shape, Mapping[str, int]], Network] | None = None
    recipe: bool = True
    code: bool = False


FAMILIES: Registry[Family] = Registry(
    "network family", "assay.networks", "assay.networks.families:checked_family", Family
)
"""Name -> family."""


def checked_family(name: str, family: Family) -> Family:
    """Return the family registered under `name`; ConfigError if it refuses its own defaults."""
    check_defaults(family.options)
    return family


def read_network(entry: Entry) -> Spec:
    """Read the network of a study into canonical plain data: {"family": ..., options...}.

    A plain name stands for {family: name}, and the option that has the name of its family needs no
    `family` beside it: {layers: [...]}. Unknown options are noted in `entry.problems`, with the
    nearest valid name.
    """
    if isinstance(entry.value, str):
        family = entry.choice("network family", list(FAMILIES))
        entry = Entry({"family": family}, entry.path, entry.source, entry.problems)
    family = _family(entry)
    return {"family": family, **_read(entry, family)}


def family_of(network: Spec) -> str:
    """Return the family of a network's options, without reading them; see `read_network`.

    Raises:
        ConfigError: it has none.
    """
    return _family(Entry(network, (), Source(network)))


def _family(entry: Entry) -> str:
    given = entry.keys()
    for name in given if "family" not in given else ():
        if name in FAMILIES and name in FAMILIES[name].options:
            return name
    if "family" not in given:
        raise entry.error("a network needs a family, one of: " + ", ".join(FAMILIES))
    known = list(FAMILIES)
    for name in (name for name in given if name in known and FAMILIES[name].code):
        if given["family"].value not in known:  # meant as an argument
            raise given["family"].error(taken_key("family", given[name].value))
    return given["family"].choice("network family", known)


def taken_key(name: str, source: object) -> str:
    """Say that an argument of a user's own network has the name of a key of `network:` itself."""
    return (
        f"an argument of {source} cannot be called {name}, which is a key of network: itself; "
        "rename it, or name a function that calls the class"
    )


def _read(entry: Entry, family: str, *, complete: bool = False) -> Spec:
    rest = {k: v for k, v in entry.value.items() if k != "family"}
    inner = Entry(rest, entry.path, entry.source, entry.problems)
    recipe = FAMILIES[family]
    if recipe.read:
        return recipe.read(inner)
    kind = f"option of network family {family}"
    if recipe.settle:
        whole = read_options(inner, kind, recipe.options, complete=True)
        inner = Entry(recipe.settle(whole, defaults_of(recipe.options)), problems=entry.problems)
    return read_options(inner, kind, recipe.options, complete=complete)


def build_network(
    network: Spec | str,
    image_shape: Shape,
    heads: Mapping[str, int],
    parts: Collection[str] = (),
    *,
    described: bool = False,
) -> Network:
    """Build a network for images of `image_shape` (height, width, channels).

    Args:
        network: a family's name or {"family": name, option: value, ...}.
        heads: units of each named output; each becomes a dense layer that starts from, and is
            penalised by, what the family's options say for all kernels.
        parts: names of the networks that the task trains together; empty for one network.
        described: refuse networks whose code would have to be imported, as for a network in a file
            that anyone may have written.

    Raises:
        ConfigError: for options that are unknown or wrong.
        NetworkError: for an impossible shape, where it names the layer, and for a family that does
            not make what the task trains.
    """
    data = {"family": network} if isinstance(network, str) else dict(network)
    entry = Entry(data, (), Source(data))
    family = _family(entry)
    if described and FAMILIES[family].code:
        said = "a file never decides which code runs"
        raise NetworkError(f"its network is {family}: {data.get(family)}, but {said}")
    options = _read(entry, family, complete=True)
    entry.problems.raise_if_any()
    if len(image_shape) != 3:
        raise NetworkError(f"images must be (height, width, channels), got {tuple(image_shape)}")
    shape = tuple(int(side) for side in image_shape)
    recipe = FAMILIES[family]
    with _blamed(family):
        if parts or recipe.parts:
            return _assembly(family, options, shape, parts)
        if recipe.network:
            return recipe.network(options, shape, heads)
        assert recipe.trunk is not None
        trunk = _layers(recipe.trunk(options, shape), family, "trunk")
        own = _layers((recipe.head or _no_layers)(options), family, "head")
    tops = tuple((name, (*own, Dense(units, **styled(options)))) for name, units in heads.items())
    return Network(shape, trunk, tops)


@contextmanager
def _blamed(family: str) -> Iterator[None]:
    """Raise an error of the code of a user's own family as a NetworkError that names its line."""
    try:
        yield
    except AssayError:
        raise
    except Exception as error:
        place = FAMILIES.place(family)
        if place.module.startswith("assay."):
            raise
        where = culprit(error, libraries=False) or place
        said = f"{type(error).__name__}: {error}"
        raise NetworkError(f"{where}: network family {family!r} failed: {said}") from error


def _layers(found: object, family: str, function: str) -> tuple[Layer, ...]:
    if not isinstance(found, (tuple, list)) or not all(isinstance(x, Layer) for x in found):
        raise NetworkError(
            f"{FAMILIES.place(family)}: network family {family!r}: {function} returned {found!r}, "
            "expected a tuple of layers"
        )
    return tuple(found)


def makes(family: str) -> tuple[str, ...]:
    """Return the names of the networks that a family makes; empty if it makes one."""
    return FAMILIES[family].made


def _assembly(family: str, options: Spec, shape: Shape, wanted: Collection[str]) -> Assembly:
    """Return the networks of a family with several parts, which must match `parts`."""
    make, made = FAMILIES[family].parts, makes(family)
    if make is None or set(made) != set(wanted):
        fitting = [f for f in FAMILIES.usable() if set(makes(f)) == set(wanted)]
        raise NetworkError(
            f"the task trains {' and '.join(wanted) or 'one network'}, network family {family} "
            f"makes {' and '.join(made) or 'one network'}; use {' or '.join(fitting)}"
        )
    return assemble(dict(zip(made, make(options, shape), strict=True)))


def _no_layers(options: Spec) -> Sequence[Layer]:
    return ()
