"""Everything that duly says to its database: the only SQL in the project."""
