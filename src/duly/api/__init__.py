"""The HTTP door: requests in, JSON and live events out. What a job may do is decided below."""
