"""The whole daemon in hostile worlds, each made from one number (docs/testing.md)."""
