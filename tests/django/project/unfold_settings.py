"""The same project with django-unfold's admin."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS as APPS

INSTALLED_APPS = ["unfold", *APPS]
