"""What was promised: how signed claims come in, and the two answers they get."""
