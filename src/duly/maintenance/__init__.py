"""Keeps the house in order, one leader at a time."""
