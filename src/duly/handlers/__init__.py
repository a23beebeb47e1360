"""How each type of work is done: one type, one file, and the registry that knows them all."""
