"""System checks: what the project's settings and hosts have wrong."""
