"""``manage.py prepare_demo``: a host, templates, an admin user, and something to report on."""

import secrets

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from container_manager.models import ContainerTemplate, ExecutorHost
from sales.models import Sale

COUNT = "for number in 1 2 3; do echo line $number; sleep 0.4; done; echo a word on stderr >&2"
SCRIPTS = {
    "hello": (COUNT, 60),
    "exit-3": ("echo this goes wrong >&2; exit 3", 60),
    "timeout": ("echo sleeping; trap 'exit 1' TERM; sleep 60 & wait", 2),
}


class Command(BaseCommand):
    """Makes what the demo needs."""

    help = "Make a host, templates, an admin user and some sales; print the admin's password."

    def add_arguments(self, parser):
        parser.add_argument("--engine", required=True, help="address of a Docker engine")
        parser.add_argument("--image", required=True, help="image of the shell scripts")

    def handle(self, *args, **options):
        host, _ = ExecutorHost.objects.update_or_create(
            name="engine", defaults={"connection_string": options["engine"], "max_concurrent_jobs": 4}
        )
        host.full_clean()
        for name, (script, seconds) in SCRIPTS.items():
            template, _ = ContainerTemplate.objects.update_or_create(
                name=name,
                defaults={
                    "docker_image": options["image"],
                    "entrypoint": "sh -c",
                    "command": f'"{script}"',
                    "memory_limit": 64,
                    "timeout_seconds": seconds,
                },
            )
            template.full_clean()
        self._sell()
        password = secrets.token_urlsafe(9)
        user, _ = get_user_model().objects.get_or_create(
            username="admin", defaults={"is_staff": True, "is_superuser": True}
        )
        user.set_password(password)
        user.save()
        self.stdout.write(f"Log in as admin with the password {password}")

    def _sell(self):
        amounts = {"north": 120, "south": 80, "west": 200}
        if not Sale.objects.exists():
            Sale.objects.bulk_create(
                Sale(region=region, amount=number) for region, most in amounts.items() for number in range(most)
            )
