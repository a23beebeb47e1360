"""Tests of the handlers and of the registry, mostly against a mail server that really receives."""
