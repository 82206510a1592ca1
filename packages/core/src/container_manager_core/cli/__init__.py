"""The command line. Needs the extra ``cli``; one module a command group."""
