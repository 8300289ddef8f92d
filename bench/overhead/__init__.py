"""What watching costs, beside other ways to look into a run."""
