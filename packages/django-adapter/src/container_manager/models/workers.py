"""What workers keep in the database beside the jobs."""

from django.db import models

from container_manager.models.exact import ExactCharField


class WorkerLease(models.Model):
    """A worker that lives: its jobs are its own until then."""

    id = ExactCharField(primary_key=True, max_length=255)
    expires_at = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return self.id


class HostLock(models.Model):
    """Locked while a host's free places are counted, on databases without advisory locks."""

    host = ExactCharField(primary_key=True, max_length=100)

    def __str__(self) -> str:
        return self.host


class Installation(models.Model):
    """The one row that says which installation this is: its id is on everything it starts."""

    number = models.PositiveSmallIntegerField(primary_key=True, default=1)
    identifier = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.identifier


class BudgetAccount(models.Model):
    """What a budget holds: spent, and held back for what runs. In whole millionths."""

    account = ExactCharField(primary_key=True, max_length=500)
    amount = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.account
