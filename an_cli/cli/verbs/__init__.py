"""The verbs: one module each, which import what they need when they are called."""
