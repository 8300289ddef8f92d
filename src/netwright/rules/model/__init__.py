"""NW2xx: the network."""
