"""`python -m claims`: name each number of the texts that the records do not give.

`python -m claims --write` writes docs/results.md from the records.
"""

from __future__ import annotations

import sys
from pathlib import Path

from claims.check import check, read_claims, read_texts
from claims.exports import ClaimError
from claims.page import PAGE, results_page

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Check all texts; 1 when a number is wrong or has no record."""
    page = ROOT / PAGE
    if sys.argv[1:] == ["--write"]:
        page.write_text(results_page(ROOT))
        return 0
    try:
        wrong, count = check(ROOT, read_texts(ROOT), read_claims(ROOT))
    except ClaimError as error:
        wrong, count = [str(error)], 0
    if page.read_text() != results_page(ROOT):
        wrong.append(f"{PAGE} is not what the records say: write it by python -m claims --write")
    for line in wrong:
        print(line)
    print(f"{count} numbers, {len(wrong)} wrong or without a record")
    if wrong:
        print('how claims and settings are stated: CONTRIBUTING.md, "Numbers in texts"')
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
