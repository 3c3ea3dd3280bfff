"""The gate: what an operator does not want drawn, or not posted, as a YAML file says (`example.yaml` shows all)."""
