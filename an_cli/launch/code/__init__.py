"""The frozen copy of the code that jobs run."""
