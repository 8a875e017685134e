"""What we may sign: keys at rest, and the one signer that uses them."""
