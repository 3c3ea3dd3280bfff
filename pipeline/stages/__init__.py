"""The stages of a drawing: base, then detail."""
