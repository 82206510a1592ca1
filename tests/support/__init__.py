"""The real things that tests run on: an engine, an image, a registry."""
