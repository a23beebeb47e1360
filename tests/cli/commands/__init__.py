"""The commands, one file each, as in the source."""
