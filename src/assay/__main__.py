"""`python -m assay` is the command line."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; Ctrl-C while it is loaded ends it without a traceback, too."""
    try:
        from assay.apps.cli.app import main as run
    except KeyboardInterrupt:
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
