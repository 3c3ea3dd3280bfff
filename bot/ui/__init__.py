"""What a member sees: cards, sheets, sentences."""
