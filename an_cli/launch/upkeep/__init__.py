"""Stopping, cleaning, checking and running again."""
