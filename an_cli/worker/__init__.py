"""The heavy door: `python -m an_cli.worker`, started by name, never imported by the light wing."""
