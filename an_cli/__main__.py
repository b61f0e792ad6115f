"""`python -m an_cli` is `an-cli`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from an_cli.cli.__main__ import main

    sys.exit(main())
