"""NW0xx: repeatability."""
