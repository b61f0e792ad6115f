"""The verbs: import a room, call it, print what it gives."""
