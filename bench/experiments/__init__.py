"""Measures experiments against brute force: the noise scale, the range test's rate, and what each of them costs."""
