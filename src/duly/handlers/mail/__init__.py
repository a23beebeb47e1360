"""What it takes to send mail well: addresses, messages, connections, deliveries."""
