"""`assay --install-completion`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from assay.apps.cli import console

__all__ = ["install_completion"]


def install_completion(
    *,
    shell: Literal["bash", "zsh", "fish", "powershell"] | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> None:
    """Install completion for your shell.

    Writes a script and lets the shell's start file load it; with --output, only writes the script.

    Args:
        shell: The shell [the one that this runs in].
        output: Write the script here and change nothing else.
    """
    from cyclopts.completion.detect import ShellDetectionError

    from assay.apps.cli.app import app
    from assay.core.errors import ConfigError, StoreError

    try:
        path = app.install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError as error:
        raise ConfigError(
            "which shell this is cannot be told; expected --shell bash, zsh, fish or powershell"
        ) from error
    except OSError as error:
        raise StoreError(f"cannot write {error.filename}: {error.strerror or error}") from error
    console.say(f"written: {path}")
    if output is None:
        console.say("start a new shell to use it")
