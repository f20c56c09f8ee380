"""`python -m assay` is the command line."""

from __future__ import annotations

import signal
import sys

INTERRUPTED = 130


def main() -> int:
    """Run the command line; Ctrl-C while it is loaded ends it without a traceback, too."""
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
