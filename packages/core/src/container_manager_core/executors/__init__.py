"""The executors that come with the core."""
