"""How a recipe is drawn: weights, conditioning, noise schedule and the engine that steps many pictures at once."""
