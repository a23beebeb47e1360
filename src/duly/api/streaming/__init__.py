"""The event stream over HTTP: how events are written, to whom, and to how many."""
