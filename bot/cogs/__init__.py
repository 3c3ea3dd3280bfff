"""Slash commands: receive, answer at once, delegate."""
