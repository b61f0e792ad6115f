"""Runs as jobs of a SLURM cluster: submitted exactly once, observed without being disturbed."""
