"""The sketch family's own face models: networks, their training, and their export as an insightface model pack."""
