"""Figures: what is drawn is a value (`tradeoff`, `learned`, `bands`); how it looks is one function each."""
