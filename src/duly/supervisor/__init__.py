"""Worker processes kept alive, and spoken for."""
