"""A small Django project whose work runs in containers."""
