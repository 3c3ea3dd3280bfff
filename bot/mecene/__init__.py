"""Mecene: the idea service. A theme in, prompt ideas out."""
