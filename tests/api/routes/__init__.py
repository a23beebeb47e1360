"""Tests of the routes, one file for each noun."""
