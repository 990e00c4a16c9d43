"""What intake costs: `make bench-intake`. Prints tables and asserts nothing."""
