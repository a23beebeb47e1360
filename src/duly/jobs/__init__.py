"""What a job is: values and rules. No database, no network, no event loop."""
