"""The demo: a real server, a real mail server, and four jobs that end in four ways."""
