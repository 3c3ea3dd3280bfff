"""What to draw: recipes, their parameters, and the sweep files that expand to them."""
