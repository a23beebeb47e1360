"""What is shown to people and to programs: data on stdout, everything else on stderr."""
