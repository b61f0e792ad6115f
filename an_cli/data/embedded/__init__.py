"""Images that ship with the package; read by `an_cli.data.embedded_set`."""
