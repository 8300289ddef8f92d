"""Measures the record of a run: what it costs, and what is lost when the process is killed."""
