"""What the seeds and samples of two rows say: values, intervals, tests; nothing of tables."""
