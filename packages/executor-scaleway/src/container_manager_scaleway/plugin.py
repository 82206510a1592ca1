"""Registers the executor."""
