"""How others ask: the surroundings that the daemon speaks to."""
