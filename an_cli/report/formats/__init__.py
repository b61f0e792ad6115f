"""A table becomes text, the same numbers and words in every format."""
