"""`python -m an_cli` is `an-cli`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run this process's command line; returns the exit status."""
    from an_cli.cli.__main__ import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
