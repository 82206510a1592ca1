"""A Django project with the app in it, as a user would have one."""
