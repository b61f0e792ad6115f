"""What a terminal shows: aligned columns, words for numbers, and lines that move while runs go."""
