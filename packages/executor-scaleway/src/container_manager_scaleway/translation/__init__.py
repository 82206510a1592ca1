"""Our words to Scaleway's and back; nothing outside this package knows Scaleway's words."""
