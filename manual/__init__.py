"""The manual of the commands, for ``man``: made from the commands and from the documents."""
