"""`assay network`: shows a network as a table of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import study_names
from assay.apps.cli.options import DatasetName, Places, Settings, TrialName, is_study, with_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.networks.network import Network

__all__ = ["app"]

app = App(name="network", help="Show networks.")


def network_names(context: object = None) -> Iterable[str]:
    """Network families and studies, for the shell."""
    from assay.networks.families import FAMILIES

    yield from FAMILIES
    yield from study_names(context)


@app.command
def show(
    name: Annotated[str, Parameter(completer=network_names)],
    /,
    *,
    trial: TrialName | None = None,
    dataset: DatasetName | None = None,
    set: Settings | None = None,
    as_: Annotated[Literal["table", "keras"], Parameter(name="--as")] = "table",
    places: Places | None = None,
) -> None:
    """Show the layers of a network: output shape, parameters and multiply-adds (MACs).

    Args:
        name: A network family (mlp, cnn, ...) or a study.
        trial: Label of a trial of the study [the first one].
        dataset: Dataset that gives the input shape [for a family: one that suits it].
        set: Change one option, e.g. --set network.hidden=[512,512]; may be repeated.
        as_: table, or keras: Python code that makes the network in Keras.
    """
    places = places or Places()
    changes = set or []
    if dataset:
        changes = with_option(changes, "--dataset", "dataset.name", dataset)
    title, network = _find(name, trial, dataset, changes, places)
    if as_ == "keras":
        from assay.engines.keras_engine.code import keras_code

        console.document(f"# {title}\n{keras_code(network)}")
        return
    _table(title, network)


def _table(title: str, network: Network) -> None:
    """Print the layers and their sums."""
    from assay.networks.table import layer_table, totals

    console.heading(title)
    rows = [("input", "", _shape(network.input_shape), "", "")]
    rows += [
        (
            row["name"],
            row["layer"],
            _shape(row["output_shape"]),
            f"{row['parameters']:,}" if row["parameters"] else "",
            f"{row['macs']:,}" if row["macs"] else "",
        )
        for row in layer_table(network)
    ]
    console.table(("place", "layer", "output", ">parameters", ">MACs"), rows)
    sums = totals(network)
    console.say()
    console.fields(
        {
            "parameters": f"{sums['parameters']:,}",
            "MACs an image": f"{sums['macs']:,}",
            "identity": network.hash,
        }
    )


def _find(
    name: str, trial: str | None, dataset: str | None, changes: list[str], places: Places
) -> tuple[str, Network]:
    """Return the network of a family (for the named dataset or one that suits it) or of a trial."""
    from assay.core.errors import ConfigError, unknown_name
    from assay.data.catalog import ENTRIES
    from assay.networks.families import FAMILIES, makes
    from assay.studies.members import resolve_info, resolve_network
    from assay.studies.study import parse_study
    from assay.studies.trials import find_trial
    from assay.tasks.task import TASKS, parts_of

    study: Any = name
    if name in FAMILIES:
        study = {"study": name, "dataset": FAMILIES[name].dataset, "network": {"family": name}}
        fitting = [
            t for t in TASKS.usable() if FAMILIES[name].parts and makes(name) == parts_of(TASKS[t])
        ]
        study |= {"task": fitting[0]} if fitting else {}
        if not fitting:
            study |= {"task": ENTRIES[dataset or FAMILIES[name].dataset].task}
    elif not is_study(name):
        raise ConfigError(
            unknown_name("network family or study", name, network_names(), "assay list")
        )
    found = parse_study(study, set=changes, data_dir=places.data_path)
    chosen = find_trial(found, trial)
    data = resolve_info(chosen.config, places.data_path).name
    title = f"{name} on {data}" if name in FAMILIES else f"{found.name}: {chosen.label}, on {data}"
    return title, resolve_network(chosen.config, places.data_path)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
