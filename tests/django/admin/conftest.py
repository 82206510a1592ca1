"""People who use the admin, and jobs in every status."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module", autouse=True)
def _contexts(project: str) -> Iterator[None]:
    """Responses tell the context of their templates."""
    from django.test.utils import setup_test_environment, teardown_test_environment

    setup_test_environment()
    yield
    teardown_test_environment()


@pytest.fixture
def superuser(project: str) -> Any:
    """Somebody who may do everything, logged in."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def person(project: str) -> Callable[..., Any]:
    """Makes staff with the permissions of these names alone, logged in."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Permission
    from django.test import Client

    def make(*codenames: str) -> Any:
        user = get_user_model().objects.create_user(f"user{len(codenames)}", is_staff=True)
        found = Permission.objects.filter(content_type__app_label="container_manager", codename__in=codenames)
        assert found.count() == len(codenames)
        user.user_permissions.set(found)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def viewer(person: Callable[..., Any]) -> Any:
    """Somebody who may look at everything and do nothing."""
    models = (
        "containerjob",
        "containerexecution",
        "containertemplate",
        "environmentvariable",
        "networkassignment",
        "environmentvariabletemplate",
        "executorhost",
    )
    return person(*(f"view_{model}" for model in models))
