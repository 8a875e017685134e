"""The tower at work: its loops, and who looks after what they learn, tell and remember."""
