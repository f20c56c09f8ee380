"""`assay`: the command line. Commands live one file per group; this one joins them and ends them.

Nothing heavy is imported here or at the top of a command's file: `assay --help` must be instant.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from assay.apps.cli import console, screen
from assay.core.errors import AssayError
from assay.core.registry import Registry
from assay.core.text import REPLACE

__all__ = ["app", "main"]

OK, UNEXPECTED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

OWN = {  # name -> what is imported when it is asked for, in the order of the help
    "run": "run:run",
    "new": "writing:new",
    "list": "studies:list_studies",
    "show": "studies:show",
    "results": "results:results",
    "report": "results:report",
    "compare": "results:compare",
    "data": "data:app",
    "network": "network:app",
    "search": "search:search",
    "export": "export:export",
    "schema": "writing:schema",
    "store": "store:app",
    "tensorboard": "tensorboard:tensorboard",
    "engines": "engines:engines",
    "check-gradients": "gradients:check_gradients",
    "doctor": "doctor:doctor",
    "--install-completion": "completion:install_completion",
}


REGISTERED: Registry[Any] = Registry("command")
"""Commands of subjects and plugins."""

COMMANDS = {
    **{name: f"assay.apps.cli.{command}" for name, command in OWN.items()},
    **{name: REGISTERED.written(name) for name in REGISTERED},
}


def _version() -> str:
    from assay.core.machine import own_version

    return own_version()


app = App(
    name="assay",
    help="Controlled experiments on small neural networks for images: write the question down as "
    "a study, train every run of it, and read what matters in a report. Start with "
    "`assay run tour`.",
    version=_version,
    version_flags=["--version"],
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # what is said then is said below
)
for place, (name, command) in enumerate(COMMANDS.items()):
    app.command(command, name=name, sort_key=place)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status.

    Returns:
        0 when it did what was asked; 2 for wrong input, with what is wrong on standard error; 130
        after Ctrl-C; 1 for anything unexpected, whose traceback goes to a log file.
    """
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
        if not given or given[0] not in COMMANDS:  # help lists them all
            for name in COMMANDS:
                app[name]
        status = app(given, exit_on_error=False, print_error=False, result_action="return_value")
        return int(status or OK)
    except CycloptsError as error:
        console.error(str(error))
        return WRONG_INPUT
    except AssayError as error:
        status = getattr(error, "exit_code", WRONG_INPUT)
        if status == INTERRUPTED:  # no error: somebody wanted it
            console.remark(str(error))
        else:
            console.error(str(error))
        return status
    except KeyboardInterrupt:
        console.remark("stopped")
        return INTERRUPTED
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        console.error(f"{said} (this is a bug in assay; the details are in {_log(error)})")
        return UNEXPECTED


def _log(error: Exception) -> Path:
    """Append the traceback to the log of this user and return the file."""
    import tempfile
    import time
    import traceback

    from platformdirs import user_log_path

    text = "".join(traceback.format_exception(error))
    entry = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} assay {' '.join(sys.argv[1:])}\n{text}\n"
    for folder in (user_log_path("assay", appauthor=False), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "assay.log").open("a", encoding="utf-8", errors=REPLACE) as file:
                file.write(entry)
        except OSError:
            continue
        return folder / "assay.log"
    return Path("nowhere: no folder could be written")
