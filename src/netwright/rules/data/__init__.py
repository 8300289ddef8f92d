"""NW1xx: the data, as the network sees it."""
