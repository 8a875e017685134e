"""A signer apart: a process of its own that holds the keys, and signs what it may."""
