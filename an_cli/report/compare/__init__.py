"""Rows against each other: differences, tests, marks, notes; records become a table."""
