"""What each route does, one file for each noun."""
