"""Claims jobs and does them."""
