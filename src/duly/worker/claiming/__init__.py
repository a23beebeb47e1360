"""How a worker gets its jobs: which lanes it looks at, when, and what it leaves to others."""
