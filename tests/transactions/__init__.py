"""Jobs that are made, or completed, inside the transactions of others."""
