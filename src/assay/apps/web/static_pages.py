"""Static pages: a folder that any web server can host.

The network is an ONNX file that onnxruntime-web runs in the browser, with one thread; no picture
leaves the browser. The runtime's WebAssembly is compressed in assay (2 MB) and unpacked into the
folder (14 MB).
"""

from __future__ import annotations

import html
import json
import lzma
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from assay.apps.web.pages import PAGES, Site
from assay.apps.web.shell import STATIC
from assay.core.errors import (
    ConfigError,
    MissingExtraError,
    StoreError,
    install_extra,
    unknown_name,
)
from assay.core.records import Record

if TYPE_CHECKING:
    import numpy as np

    from assay.networks.network import Network

__all__ = ["export_page", "export_run", "onnx_bytes", "write_page"]

RUNTIME = Path(__file__).with_name("onnxruntime")
ALONE = Path(__file__).with_name("alone")

VENDORED = ("vendor/preact.js", "vendor/hooks.js", "vendor/htm.js")
CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)


def export_page(what: str, site: Site, folder: Path) -> list[Path]:
    """Write the page of a subject, or of a run's classifier, as static files.

    Args:
        what: the name of a page, or the start of a run's name.
        folder: where to write it; created if missing.

    Returns:
        The written files.

    Raises:
        ConfigError: there is no such page, or it needs a server.
        StoreError: there is no such run, or a file cannot be written.
        MissingExtraError: onnx is not installed.
    """
    if what in PAGES:
        export = PAGES[what].export
        if export is None:
            raise ConfigError(f"page {what} needs a server: `assay serve`")
        return export(site, folder)
    if not site.shelf.exists or not set(what) <= set("0123456789abcdef"):
        able = [name for name in PAGES if PAGES[name].export is not None]
        raise ConfigError(unknown_name("page or run", what, able))
    return export_run(what, site, folder)


def export_run(name: str, site: Site, folder: Path) -> list[Path]:
    """Write a page on which a run's classifier classifies drawings and dropped pictures."""
    from assay.networks.modules import OwnNetwork
    from assay.reports.predictions import class_names
    from assay.studies.members import resolve_network
    from assay.tasks.looks import looks_of
    from assay.tasks.task import find_task

    record, weights = site.shelf.read(lambda s: (s.record(s.find(name)), s.weights(s.find(name))))
    if not weights:
        raise StoreError(record.without_weights)
    if "test_predicted" not in record.predictions:
        raise ConfigError(
            f"run {record.run_id} is not a classifier; expected a run of a classifier"
        )
    network = resolve_network(record.config, site.data_dir)
    if isinstance(network, OwnNetwork):
        raise ConfigError(
            f"a page needs a network that assay describes, but run {record.run_id} has a custom "
            f"one, {network.source}"
        )
    height, width, channels = network.input_shape
    spec = record.config["dataset"]
    (head,) = [head for head, _ in network.heads]
    *_, last = network.places()
    names = class_names(spec, None, last.output_shape[-1])
    about = {
        "title": f"{spec['name']}: what is it?",
        "height": height,
        "width": width,
        "channels": channels,
        "head": head,
        "classes": names,
        "dark": _dark(record),
        "permutation": _permutation(record, height, width),
        "accuracy": record.metrics.get("test_accuracy"),
        "views": len(looks_of(find_task(record.config["task"]))),
    }
    from assay.apps.exporters._reference import pixels

    scripts = [ALONE / "paint.js"]
    network_file = onnx_bytes(network, weights, *pixels(record))
    return write_page(folder, about, scripts, [ALONE / "paint.css"], network_file)


def _dark(record: Record) -> bool:
    """Whether images are bright on a dark background, such as handwritten digits."""
    mean = record.provenance.get("pixels", {}).get("mean") or [0]
    return float(sum(mean) / len(mean)) < 110


def _permutation(record: Record, height: int, width: int) -> list[int] | None:
    """Return the source of each pixel for a network trained on permuted pixels."""
    from assay.data.permutation import pixel_permutation
    from assay.data.transforms import switched_on

    spec = record.config["dataset"]
    if changed := switched_on(spec):
        raise ConfigError(
            f"run {record.run_id} was trained on images changed by dataset.{changed[0]}, which the "
            "page cannot compute"
        )
    if spec.get("permute") is None:
        return None
    return [int(place) for place in pixel_permutation(spec["permute"], height, width)]


def onnx_bytes(
    network: Network, weights: Mapping[str, np.ndarray], mean: np.ndarray, std: np.ndarray
) -> bytes:
    """Return a trained network as the content of an ONNX file.

    Raises:
        MissingExtraError: onnx is not installed.
        EngineError: a layer cannot be written as ONNX.
    """
    try:
        import onnx
    except ImportError:
        said = f"assay export-page needs onnx, which is not installed; {install_extra('onnx')}"
        raise MissingExtraError(said) from None
    from assay.apps.exporters._onnx_graph import OnnxGraph

    assert onnx
    return OnnxGraph(network, weights, mean, std).model().SerializeToString()


def write_page(
    folder: Path,
    about: Mapping[str, object],
    scripts: Iterable[Path],
    styles: Iterable[Path],
    network: bytes,
) -> list[Path]:
    """Write a static page; return its files.

    Args:
        about: JSON data for the scripts, with a "title".
        scripts: in the order in which they run, after preact and the shared scripts.
        network: the content of an ONNX file.
    """
    own, looks = list(scripts), list(styles)
    common = [STATIC / name for name in (*VENDORED, "base.js", "parts.js")]
    copied = [*common, STATIC / "style.css", STATIC / "icon.svg", *own, *looks]
    copied += [RUNTIME / "ort.mjs", ALONE / "network.mjs", STATIC / "vendor" / "LICENSES.txt"]
    names = [p.name for p in [*common, *own]]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in copied:
            shutil.copyfile(file, folder / file.name)
        shutil.copyfile(RUNTIME / "LICENSE.txt", folder / "LICENSE-onnxruntime.txt")
        wasm = lzma.decompress((RUNTIME / "ort.wasm.xz").read_bytes())
        (folder / "ort.wasm").write_bytes(wasm)
        (folder / "network.onnx").write_bytes(network)
        (folder / "about.json").write_text(json.dumps(dict(about)), encoding="utf-8")
        page = _html(str(about["title"]), names, ["style.css", *[p.name for p in looks]])
        (folder / "index.html").write_text(page, encoding="utf-8")
    except OSError as error:
        said = f"cannot write the page into {folder}: {error.strerror or error}"
        raise StoreError(said) from error
    return sorted(path for path in folder.iterdir() if path.is_file())


def _html(title: str, scripts: Iterable[str], styles: Iterable[str]) -> str:
    looks = "\n".join(f'<link rel="stylesheet" href="{name}">' for name in styles)
    code = "\n".join(f'<script defer src="{name}"></script>' for name in scripts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{CSP}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
{looks}
{code}
<script type="module" src="network.mjs"></script>
</head>
<body data-alone="yes">
<main id="main"><div id="app">
<p class="loading" role="status">Loading the network ...</p>
</div></main>
<noscript>This page computes in your browser and needs JavaScript.</noscript>
</body>
</html>
"""
