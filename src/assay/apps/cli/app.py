"""`assay`: the command line. Each group of commands has a file; this one joins them.

Nothing heavy is imported here or at the top of a command's file: `assay --help` must be instant.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from cyclopts import App
from cyclopts.exceptions import CycloptsError, UnusedCliTokensError

from assay.apps.cli import console, screen
from assay.core.errors import NO_BUG, AssayError
from assay.core.plugins import culprit
from assay.core.registry import Registry
from assay.core.text import REPLACE

__all__ = ["app", "main"]

OK, UNEXPECTED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

OWN = {  # name -> what is imported on first use, and its line of help, in the order shown
    "run": ("run:run", "Train the missing runs of a study, then write its report."),
    "new": ("writing:new", "Write a commented study to start from, NAME.yaml in this folder."),
    "list": ("studies:list_studies", "List studies and their progress."),
    "show": ("studies:show", "Show a study or a run."),
    "results": ("results:results", "Print the results of a study as a table."),
    "report": ("results:report", "Write the report of a study again, from the store alone."),
    "figure": ("papers:figure", "Write one figure of a study, for slides; without NAME list them."),
    "loss-surface": (
        "surface:loss_surface",
        "Draw the loss around the weights of a run, along two of them or two random directions.",
    ),
    "compare": ("results:compare", "Compare two trials, runs or studies."),
    "reproduce": (
        "reproduce:reproduce",
        "Train some stored runs again and check that the results are the same.",
    ),
    "verdict": (
        "verdict:verdict",
        "Train A and B with equal seeds until it is decided whether A is better.",
    ),
    "ablate": (
        "ablate:ablate",
        "Undo each change of the best trial of a study in turn, and train the pairs.",
    ),
    "import": (
        "importing:import_results",
        "Import results made elsewhere as a study of the store.",
    ),
    "power": (
        "power:power",
        "Show which difference a study can detect, and how many repeats a difference needs.",
    ),
    "data": ("data:app", "List, get and show datasets."),
    "network": ("network:app", "Show networks."),
    "search": ("search:search", "Show what a search tried, or its space."),
    "export": (
        "export:export",
        "Write the results of a study, or the trained network of a run, for other tools.",
    ),
    "export-page": (
        "export_page:export_page",
        "Write a web page that reads clocks or classifies pictures in the browser.",
    ),
    "schema": (
        "writing:schema",
        "Print the JSON Schema of studies, for editors (docs/editors.md).",
    ),
    "store": ("store:app", "Check, copy and clean the store, the folder of records."),
    "serve": ("serve:serve", "Serve the store as web pages, which also start and stop training."),
    "tensorboard": (
        "tensorboard:tensorboard",
        "Write a study's runs as TensorBoard event files, then open TensorBoard on them.",
    ),
    "engines": (
        "engines:engines",
        "Train one run of a study for a few steps in every engine, and compare losses and speed.",
    ),
    "check-gradients": (
        "gradients:check_gradients",
        "Check the hand-written gradients of the numpy engine on a study's network.",
    ),
    "doctor": (
        "doctor:doctor",
        "Show the hardware, versions, folders and datasets that assay finds.",
    ),
    "--install-completion": ("completion:install_completion", "Install completion for your shell."),
}


REGISTERED: Registry[Any] = Registry("command")
"""Commands of subjects and plugins."""
REGISTERED.reserve(OWN)

COMMANDS: dict[str, tuple[Any, str]] = {
    **{name: (f"assay.apps.cli.{place}", line) for name, (place, line) in OWN.items()},
    **{name: (known.entry, known.help) for name, known in REGISTERED.written().items()},
}
"""Name -> the command, or where it is imported from, and its line of help."""


def _version() -> str:
    from assay.core.machine import own_version

    return own_version()


def command_line(listed: bool = False) -> App:
    """Join all commands.

    Args:
        listed: show one line of help for each command, so that listing them imports nothing.
    """
    made = App(
        name="assay",
        help="Controlled experiments on small neural networks for images: write the question down "
        "as a study, train every run of it, and read what matters in a report. Start with "
        "`assay run tour`.",
        version=_version,
        version_flags=["--version"],
        help_format="markdown",
        suppress_keyboard_interrupt=False,  # its error is reported below
    )
    for place, (name, (command, line)) in enumerate(COMMANDS.items()):
        lines = {"help": line} if listed and line else {}
        made.command(command, name=name, sort_key=place, **lines)
        if listed and not line:
            made[name]  # imported to show the first line of its help
    return made


app = command_line()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status.

    Returns:
        0 on success; 2 for invalid input, described on standard error, and for errors in the code
        of a plugin; 130 after Ctrl-C; 1 for an
        unexpected error, whose traceback is written to a log file.
    """
    for name in ("COLUMNS", "LINES"):  # of an emulator that does not know: 0 would show nothing
        if not os.environ.get(name, "1").strip("0").isdecimal():
            del os.environ[name]
    with screen.streams() as output:
        status = _run(arguments)
        output.flush()
        if output.broken:
            reason = output.failure.strerror  # type: ignore[union-attr]
            console.error(f"standard output cannot be written: {reason}")
            return status or WRONG_INPUT
    return status


def _run(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    try:
        line = command_line(listed=True) if COMMANDS.keys().isdisjoint(given) else app
        if empty := _empty(given):
            console.error(f"{empty} is empty; {_help(line.parse_commands(given)[0])}")
            return WRONG_INPUT
        status = line(given, exit_on_error=False, print_error=False, result_action="return_value")
        return int(status or OK)
    except UnusedCliTokensError as error:
        console.error(_unexpected(error, given))
        return WRONG_INPUT
    except CycloptsError as error:
        console.error(str(error))
        return WRONG_INPUT
    except AssayError as error:
        status = getattr(error, "exit_code", WRONG_INPUT)
        if status in (OK, INTERRUPTED):  # not an error: the user asked for it
            console.remark(str(error))
        else:
            console.error(str(error))
        return status
    except KeyboardInterrupt:
        console.remark("stopped")
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_BUG:
            where = error.filename2 or error.filename  # of a renamed file, its new name
            console.error(f"{where}: {error.strerror}" if where else str(error.strerror))
            return WRONG_INPUT
        said = " ".join(f"{type(error).__name__}: {error}".split())
        if place := culprit(error, libraries=False):  # for example a command of a plugin
            console.error(f"{place}: {said} (the details are in {_log(error)})")
            return WRONG_INPUT
        console.error(f"{said} (this is a bug in assay; the details are in {_log(error)})")
        return UNEXPECTED


def _unexpected(error: UnusedCliTokensError, given: Sequence[str]) -> str:
    """Say which words a command does not take."""
    for option, key, value in zip(given, given[1:], given[2:], strict=False):
        if option == "--set" and "=" not in key and value in (error.unused_tokens or ()):
            return f"--set takes KEY=VALUE as one word, got {key!r}; write --set {key}={value}"
    words = ", ".join(map(repr, error.unused_tokens or ()))
    return f"unexpected {words}; {_help(error.command_chain or ())}"


def _empty(given: Sequence[str]) -> str:
    """Name the first empty value, as a shell makes of a variable that is not set; "" for none.

    Read further, an empty path would be the current folder, and other values the default.
    """
    for before, word in pairwise(["", *given]):
        option, equals, value = word.partition("=")
        if option.startswith("--") and equals and not value:
            return option
        if not word and given[0] != "__complete":  # completion of a word without a letter yet
            return before if before.startswith("--") else "an argument"
    return ""


def _help(command: Sequence[str]) -> str:
    return f"`{' '.join(['assay', *command])} --help` shows what it takes"


def _log(error: Exception) -> Path:
    """Append the traceback to this user's log and return the file."""
    import tempfile
    import time
    import traceback

    from platformdirs import user_log_path

    text = "".join(traceback.format_exception(error))
    entry = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} assay {' '.join(sys.argv[1:])}\n{text}\n"
    usual = user_log_path("assay", appauthor=False) / "assay.log"
    with suppress(OSError):
        usual.parent.mkdir(parents=True, exist_ok=True)
        with usual.open("a", encoding="utf-8", errors=REPLACE) as file:
            file.write(entry)
        return usual
    with suppress(OSError):  # a new file: in this folder, another user's may have any known name
        handle, name = tempfile.mkstemp(".log", "assay-")
        with open(handle, "w", encoding="utf-8", errors=REPLACE) as file:
            file.write(entry)
        return Path(name)
    return Path("nowhere, because no folder is writable")
