"""What the sketch family can do, measured: its pictures, what judges them, and the table of the figures."""
