"""What we remember: the encrypted, journalled SQLite store."""
