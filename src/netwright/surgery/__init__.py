"""``netwright fix``: remedies tried on the user's own program, and the smallest patch that heals it."""
