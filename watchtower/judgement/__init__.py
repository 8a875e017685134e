"""What it means: pure functions from facts and claims to verdicts."""
