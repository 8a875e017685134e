"""Backups to an own key: a base and increments, which the machine that makes them cannot read."""
