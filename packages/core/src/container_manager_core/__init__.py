"""Run a job in a container, anywhere, and keep every fact about it."""
