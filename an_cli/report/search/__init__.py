"""What a search came to: its best trials, what mattered, and the winner's number on seeds that did not choose it."""
