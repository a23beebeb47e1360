"""A PostgreSQL that can be talked to. Knows no table of ours."""
