"""Hostile input, guided by what it reaches, for every parser that an outsider reaches."""
