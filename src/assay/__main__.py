"""`python -m assay` is the command line."""

from __future__ import annotations

import sys

from assay.apps.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
