"""Runs' records as trackers show them: a projection, fed from outside the training process, never the truth."""
