"""Signals."""

from django.dispatch import Signal

job_status_changed = Signal()
"""A job moved to another status. Sent in the process that made the move, after it was committed.

Arguments: ``sender`` (`ContainerJob`), ``job_id`` (UUID), ``status``, ``previous`` (None for a new job) and
``job`` (the core's value of the job).
"""
