"""Values and rules of the console; no Discord, no database, no torch."""
