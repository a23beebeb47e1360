"""duly: an asynchronous job engine on PostgreSQL. The public library, and nothing else."""

__version__ = "0.1.0"
