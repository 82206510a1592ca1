"""The least settings of a project with the app in it, for the type checker's plugin."""

SECRET_KEY = "a key of the type checker"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "container_manager"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
