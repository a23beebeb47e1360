"""The command line: words in, exit codes out. What a command does is done by the layers below."""
