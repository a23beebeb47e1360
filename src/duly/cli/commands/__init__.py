"""The commands, a file for each; `main` imports only the one that is asked for."""
