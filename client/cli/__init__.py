"""The `lethe` command."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with one of the codes in docs/reference/cli.md."""
    from client.cli.run import run

    sys.exit(run(sys.argv[1:]))
