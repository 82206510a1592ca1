"""Our words to the platform's and back; nothing outside this package knows the platform's words."""
