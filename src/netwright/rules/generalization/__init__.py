"""NW7xx: what the network can learn, and how it does on other data."""
