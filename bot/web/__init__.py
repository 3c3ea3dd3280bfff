"""HTTP served by the console itself."""
