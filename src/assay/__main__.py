"""`python -m assay` is the command line."""

from __future__ import annotations

import gc
import signal
import sys
import warnings

INTERRUPTED = 130


def main() -> int:
    """Run the command line; Ctrl-C ends it without a traceback, even while modules are loading."""
    # print a warning on one line, without the source line that raised it
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    # most objects of a command live until it ends, and few form cycles
    gc.set_threshold(100_000, 20, 50)
    try:
        from assay.apps.cli.app import main as run

        status = run()
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status == INTERRUPTED:  # a second signal must not change how a program ends
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
    return status


if __name__ == "__main__":
    sys.exit(main())
