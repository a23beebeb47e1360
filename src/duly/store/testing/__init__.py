"""What tests of our users say to the database: databases for them, and what only a test may do."""
