"""Claims and questions over HTTP."""
