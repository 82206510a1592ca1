"""What was sold, and reports on it that are made in containers."""
