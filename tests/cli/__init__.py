"""The command line, as it is typed: real processes on a real database."""
