"""What is asked of the heavy door, one process at a time: costs, smoke tests."""
