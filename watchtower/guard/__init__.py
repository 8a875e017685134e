"""What we guard: channels, best claims, attempts and accounts, as they stand now."""
