"""Sealing stored secrets with the newest key, so that older keys can be forgotten."""

from collections.abc import Callable
from uuid import UUID

import attrs

from container_manager_core.job import Job
from container_manager_core.secrets import Secret, SecretForm, Vault
from container_manager_core.store.protocol import JobQuery, JobStore

BATCH = 500


def reseal(store: JobStore, vault: Vault, on_batch: Callable[[int], None] | None = None) -> int:
    """Seal every stored secret with the newest key; in how many jobs there was one to seal anew.

    What is sealed with it already stays as it is: after an interruption it goes on where it stopped.

    Args:
        on_batch: told how many jobs were looked at.

    Raises:
        ConfigurationError: a secret was sealed with a key that is not there any more; the job is named.
    """
    changed, seen = 0, 0
    query = JobQuery(limit=BATCH)
    while jobs := store.list(query):
        anew = {job.id: secrets for job in jobs if (secrets := _anew(job, vault)) is not None}
        if anew:
            store.replace_secrets(anew)
        changed, seen = changed + len(anew), seen + len(jobs)
        if on_batch is not None:
            on_batch(seen)
        query = attrs.evolve(query, before=(jobs[-1].created_at, jobs[-1].id))
    return changed


def _anew(job: Job, vault: Vault) -> dict[str, Secret] | None:
    if not any(secret.form is SecretForm.SEALED for secret in job.spec.secrets.values()):
        return None
    secrets = {name: vault.reseal(secret, _place(job.id, name)) for name, secret in job.spec.secrets.items()}
    return secrets if secrets != dict(job.spec.secrets) else None


def _place(job_id: UUID, name: str) -> str:
    return f"job {job_id}: secrets[{name!r}]"
