"""The catalogue of rules: one family a folder, one rule a file."""
