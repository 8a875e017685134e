"""The requests a client can send, one file a family, in the server's own shapes and errors."""
