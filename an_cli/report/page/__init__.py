"""The dashboard: a store as one self-contained HTML page, written to a file or served on loopback."""

from an_cli.report.page.html import make_page
from an_cli.report.page.server import serve
from an_cli.report.page.snapshot import Reader, RunWord, snapshot

__all__ = ["Reader", "RunWord", "make_page", "serve", "snapshot"]
