"""Every form in which claims exist, each read by a module of its own."""
