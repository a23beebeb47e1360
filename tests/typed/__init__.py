"""What the type checker must know of the public library; `make lint` checks these files."""
