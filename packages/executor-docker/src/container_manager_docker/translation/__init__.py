"""Our words to the engine's and back; nothing outside this package knows the engine's words."""
