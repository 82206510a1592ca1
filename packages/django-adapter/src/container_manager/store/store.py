"""The store of jobs on the project's database."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property, partial
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import attrs
from django.db import IntegrityError, connections
from django.db.models import Q

from container_manager.conversion.times import as_stored
from container_manager.store import rows
from container_manager.store.accounts import accounts, balances, sums
from container_manager.store.adding import add, add_one, added_rows
from container_manager.store.batch import Batch, is_plain, write_at_once
from container_manager.store.claims import Claims
from container_manager.store.database import Database
from container_manager.store.notices import Notices
from container_manager.store.output import Output
from container_manager.store.ready import take_ready
from container_manager.store.sql import integer, now_sql, places, upsert, value, values
from container_manager.store.wakeup import CHANNEL, Wakeup, wakeup_of
from container_manager_core.clock import Clock
from container_manager_core.costs.sums import CostQuery, CostSum
from container_manager_core.errors import InvalidInput, NotFound, StoreUnavailable
from container_manager_core.executor import Stream
from container_manager_core.job import TERMINAL, Execution, Job, JobStatus
from container_manager_core.secrets import Secret
from container_manager_core.serialising import from_json, spec_from_json, to_json
from container_manager_core.store.protocol import (
    ADDED_AT_ONCE,
    Claim,
    JobQuery,
    LogSlice,
    Record,
    RecordOutcome,
    Signals,
)

_OPEN = "status IN ('pending', 'launching', 'running')"
_COPIED_AT_ONCE = 20_000
_DELETED_AT_ONCE = 500
_READ_AT_ONCE = 500


class OrmStore:
    """Jobs in the tables of `ContainerJob` and its companions.

    Args:
        alias: the database, as DATABASES calls it.
        clock: judges leases and due times in place of the database's own clock: for tests.
    """

    def __init__(self, alias: str = "default", clock: Clock | None = None) -> None:
        self.url = f"django:{alias}"
        self.database = Database(alias)
        self._clock = clock
        self._installation_id: str | None = None
        self._notices = Notices(lambda: self._wakeup.is_followed)

    @cached_property
    def _wakeup(self) -> Wakeup:
        return wakeup_of(self.database.alias)

    @property
    def _now(self) -> str:
        return now_sql(self.database.vendor, self._clock)

    @property
    def added_at_once(self) -> int:
        # On PostgreSQL nobody waits for it, and what is written before the end is on disk by then.
        return _COPIED_AT_ONCE if self.database.vendor == "postgresql" else ADDED_AT_ONCE

    def installation_id(self) -> str:
        if self._installation_id is None:
            self._installation_id = self.database.run(_known_installation) or self.database.write(_new_installation)
        return self._installation_id

    def add_many(self, jobs: Iterable[Job]) -> None:
        self._add(lambda: added_rows(jobs))

    def add_copies(self, row: Mapping[str, Any], jobs: Sequence[Job]) -> None:
        """Add jobs that are like a row but for what is a job's own. Raises `InvalidInput` for an id twice.

        Args:
            row: every column.
        """
        self._add(lambda: added_rows(jobs, row))

    def _add(self, added: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        def write(cursor: Any) -> None:
            add(connections[self.database.alias], cursor, rows.JOBS, added())
            self._notify(cursor)

        def write_at_once(cursor: Any) -> bool:
            # Inside the caller's transaction, a taken id must spoil no more than this.
            return cursor.db.get_autocommit() and add_one(cursor, rows.JOBS, added(), CHANNEL)

        try:
            if not (self.database.vendor == "postgresql" and self.database.run_alone(write_at_once)):
                self.database.write(write)
        except IntegrityError as error:
            raise InvalidInput("job.id", f"an id is taken ({error})", "make a new one for each job") from error

    def get(self, job_id: UUID) -> Job:
        found = self._jobs("id = %s", [job_id])
        if not found:
            raise _not_found(job_id)
        return found[0]

    def find(self, prefix: str) -> Sequence[UUID]:
        wanted = prefix.lower().replace("-", "")
        if len(wanted) > 32 or not set(wanted) <= set("0123456789abcdef"):
            return []
        bounds = [UUID(hex=wanted.ljust(32, digit)) for digit in "0f"]
        rows_found = self._fetch(f"SELECT id FROM {rows.JOBS} WHERE id BETWEEN %s AND %s ORDER BY id LIMIT 2", bounds)
        return [rows.uuid_of(row[0]) for row in rows_found]

    def list(self, query: JobQuery) -> Sequence[Job]:
        from container_manager.models import ContainerJob

        conditions = Q()
        if query.statuses:
            conditions &= Q(status__in=[status.value for status in query.statuses])
        if query.host is not None:
            conditions &= Q(host_name=query.host)
        if query.name is not None:
            conditions &= Q(name=query.name)
        if query.user is not None:
            conditions &= Q(submitter=query.user)
        if query.ids is not None:
            conditions &= Q(id__in=query.ids)
        if query.before is not None:
            conditions &= _before(as_stored(query.before[0]), query.before[1])
        found = ContainerJob.objects.using(self.database.alias).filter(conditions)
        ordered = found.order_by("-created_at", "-id").values_list(*rows.READ)
        limit = max(query.limit, 0)
        if query.label is None:
            return self.database.run(lambda cursor: [rows.job_of(row) for row in ordered[:limit]])
        # The label stands in the spec: looked for first by what its text must hold.
        name, wanted = query.label
        for part in (name, wanted):
            ordered = ordered.filter(spec__contains=json.dumps(part))
        return self.database.run(lambda cursor: list(islice(_labelled(ordered, name, wanted), limit)))

    def count(self) -> Mapping[tuple[JobStatus, str | None], int]:
        found = self._fetch(f"SELECT status, host_name, count(*) FROM {rows.JOBS} GROUP BY status, host_name", [])
        return {(JobStatus(status), host): jobs for status, host, jobs in found}

    def live_by_host(self) -> Mapping[str, int]:
        live = "status IN ('launching', 'running')"
        found = self._fetch(f"SELECT host_name, count(*) FROM {rows.JOBS} WHERE {live} GROUP BY host_name", [])
        return {host: jobs for host, jobs in found if host is not None}

    def executions(self, job_id: UUID) -> Sequence[Execution]:
        job = self.get(job_id)
        found = self._fetch(
            f"SELECT record FROM {rows.EXECUTIONS} WHERE job_id = %s AND attempt < %s ORDER BY attempt",
            [job_id, job.attempt],
        )
        past = [from_json(text, Execution) for (text,) in found]
        return [*past, job.execution] if job.execution is not None else past

    def heartbeat(self, worker: str, lease_seconds: float) -> None:
        until = f"{self._now} + {round(lease_seconds * 1_000_000)}"
        vendor = self.database.vendor
        statement = upsert(vendor, rows.LEASES, ("id", "expires_at"), ("id",)).replace("%s, %s", f"%s, {until}")
        self.database.run(lambda cursor: cursor.execute(statement, [worker]))

    def claim(self, claim: Claim) -> Sequence[Job]:
        def take(cursor: Any) -> Sequence[Sequence[Any]]:
            return Claims(connections[self.database.alias], cursor, self._now).take(claim)

        def take_alone(cursor: Any) -> Sequence[Sequence[Any]] | None:
            is_alone = cursor.db.get_autocommit()
            return take_ready(cursor, self._now, claim) if is_alone else None

        taken = self.database.run_alone(take_alone) if self.database.vendor == "postgresql" else None
        return [rows.job_of(row) for row in (self.database.write(take) if taken is None else taken)]

    def record_many(self, records: Sequence[Record]) -> Sequence[str]:
        if not records:
            return []

        tells = self._notices.take(records)
        outcomes: Sequence[str] = ()
        try:
            outcomes = self._recorded(records, tells)
        finally:
            if tells and RecordOutcome.STORED not in outcomes:
                self._notices.owe()
        return outcomes

    def _recorded(self, records: Sequence[Record], tells: bool) -> Sequence[str]:
        def write(cursor: Any) -> Sequence[str]:
            return Batch(connections[self.database.alias], cursor, records, tells).write()

        outcomes = None
        if self.database.vendor == "postgresql" and is_plain(records):
            outcomes = self.database.run_alone(lambda cursor: write_at_once(cursor, records, tells))
        return self.database.write(write) if outcomes is None else outcomes

    def release(self, worker: str) -> None:
        def give_back(cursor: Any) -> None:
            Claims(connections[self.database.alias], cursor, self._now).give_back(worker)
            self._notify(cursor)

        self.database.write(give_back)

    def request_cancel(self, job_ids: Sequence[UUID], now: datetime) -> None:
        statement = (
            f"UPDATE {rows.JOBS} SET cancel_requested = %s, due_at = NULL"
            f" WHERE id = %s AND cancel_requested IS NULL AND {_OPEN}"
        )

        def mark(cursor: Any) -> None:
            connection = connections[self.database.alias]
            moment = rows.microseconds(now)
            cursor.executemany(statement, [(moment, value(connection, job_id)) for job_id in sorted(job_ids)])
            self._notify(cursor)

        if job_ids:
            self.database.write(mark)

    def request_move(self, job_ids: Sequence[UUID], host: str) -> None:
        statement = (
            f"UPDATE {rows.JOBS} SET host_name = CASE WHEN attempt = 0 THEN %s ELSE host_name END, docker_host_id = %s"
            f" WHERE id = %s AND {_OPEN}"
        )

        def ask(cursor: Any) -> None:
            connection = connections[self.database.alias]
            cursor.executemany(statement, [(host, host, value(connection, job_id)) for job_id in sorted(job_ids)])
            self._notify(cursor)

        if job_ids:
            self.database.write(ask)

    def watch(self, job_id: UUID, until: datetime) -> None:
        moment = rows.microseconds(until)
        greatest = "max" if self.database.vendor == "sqlite" else "greatest"
        number = integer(self.database.vendor)
        later = f"{greatest}(coalesce(watched_until, {number}), {number})"
        statement = f"UPDATE {rows.JOBS} SET watched_until = {later} WHERE id = %s"

        def mark(cursor: Any) -> None:
            cursor.execute(statement, values(connections[self.database.alias], [moment, moment, job_id]))
            self._notify(cursor)

        self.get(job_id)
        self.database.run(mark)

    def leased(self, worker: str) -> Sequence[Job]:
        return self._jobs("worker = %s", [worker])

    def signals(self, worker: str) -> Signals:
        found = self._fetch(
            f"SELECT id, cancel_requested IS NOT NULL, coalesce(watched_until, 0) > {self._now},"
            f" docker_host_id <> host_name AND status <> 'pending' FROM {rows.JOBS}"
            f" WHERE worker = %s AND {_OPEN}"
            # In the words of the index cm_job_marked, which PostgreSQL would not find by "<>".
            " AND (cancel_requested IS NOT NULL OR watched_until IS NOT NULL"
            " OR docker_host_id < host_name OR docker_host_id > host_name)",
            [worker],
        )
        marked = [(rows.uuid_of(row[0]), *row[1:]) for row in found]
        return Signals(
            cancel=frozenset(job_id for job_id, is_cancelled, _, _ in marked if is_cancelled),
            watched=frozenset(job_id for job_id, _, is_watched, _ in marked if is_watched),
            move=frozenset(job_id for job_id, _, _, moves in marked if moves),
        )

    def balances(self, accounts: Sequence[str]) -> Mapping[str, Decimal]:
        return self.database.run(lambda cursor: balances(cursor, accounts))

    def accounts(self, beginning: str) -> Mapping[str, Decimal]:
        return self.database.run(lambda cursor: accounts(cursor, beginning))

    def costs(self, query: CostQuery) -> Sequence[CostSum]:
        return self.database.run(lambda cursor: sums(self.database.vendor, cursor, query))

    def replace_secrets(self, secrets: Mapping[UUID, Mapping[str, Secret]]) -> None:
        def replace(cursor: Any) -> None:
            connection = connections[self.database.alias]
            for job_id, sealed in secrets.items():
                cursor.execute(f"SELECT spec FROM {rows.JOBS} WHERE id = %s", values(connection, [job_id]))
                row = cursor.fetchone()
                if row is not None:
                    spec = to_json(attrs.evolve(spec_from_json(row[0]), secrets=sealed))
                    cursor.execute(
                        f"UPDATE {rows.JOBS} SET spec = %s WHERE id = %s", values(connection, [spec, job_id])
                    )

        self.database.write(replace)

    def read_logs(
        self, job_id: UUID, stream: Stream, *, attempt: int | None = None, offset: int = 0, limit: int = 1_048_576
    ) -> LogSlice:
        def read(cursor: Any) -> LogSlice:
            connection = connections[self.database.alias]
            cursor.execute(f"SELECT attempt, spec FROM {rows.JOBS} WHERE id = %s", values(connection, [job_id]))
            row = cursor.fetchone()
            if row is None:
                raise _not_found(job_id)
            kept = spec_from_json(row[1]).max_output_bytes
            wanted = row[0] if attempt is None else attempt
            return Output(connection, cursor).read(job_id, wanted, stream, (kept, offset, limit))

        return self.database.run(read)

    def changed(self, since: object | None) -> tuple[object, bool]:
        if self._notices.take():
            self._tell_what_is_owed()
        token = self._wakeup.token()
        return token, since is None or token != since

    @property
    def glance_seconds(self) -> float:
        return min(self._wakeup.glance_seconds, self._notices.glance_seconds)

    def on_change(self, call: Callable[[], None]) -> Callable[[], None]:
        """See the protocol. PostgreSQL tells at once."""
        return self._wakeup.tell(call)

    def wake(self) -> None:
        """Tell workers that the models have stored something; once it is committed."""
        self.database.run(self._notify)

    def delete_finished(self, before: datetime) -> int:
        from container_manager.models import ContainerJob

        over = ContainerJob.objects.using(self.database.alias).filter(
            status__in=[status.value for status in TERMINAL],
            finished_at__lt=as_stored(before),
            attention=False,
            worker=None,
        )
        some = over.values_list("id", flat=True)[:_DELETED_AT_ONCE]
        deleted = 0
        while ids := self.database.run(lambda cursor: list(some.all())):
            self.database.write(partial(self._delete, ids=ids))
            deleted += len(ids)
        return deleted

    def close(self) -> None:
        if "_wakeup" in self.__dict__:
            self._wakeup.close()
        self.database.close()

    def _delete(self, cursor: Any, ids: Sequence[UUID]) -> None:
        given = values(connections[self.database.alias], ids)
        for table, column in ((rows.CHUNKS, "job_id"), (rows.EXECUTIONS, "job_id"), (rows.JOBS, "id")):
            cursor.execute(f"DELETE FROM {table} WHERE {column} IN ({places(len(ids))})", given)

    def _jobs(self, where: str, given: Sequence[Any]) -> Sequence[Job]:
        return [rows.job_of(row) for row in self._fetch(f"SELECT {rows.COLUMNS} FROM {rows.JOBS} WHERE {where}", given)]

    def _fetch(self, statement: str, given: Sequence[Any]) -> Sequence[Sequence[Any]]:
        def fetch(cursor: Any) -> Sequence[Sequence[Any]]:
            cursor.execute(statement, values(connections[self.database.alias], given))
            found: Sequence[Sequence[Any]] = cursor.fetchall()
            return found

        return self.database.run(fetch)

    def _tell_what_is_owed(self) -> None:
        try:
            self.wake()
        except StoreUnavailable:
            self._notices.owe()
            raise

    def _notify(self, cursor: Any) -> None:
        if self.database.vendor == "postgresql":
            cursor.execute(f"NOTIFY {CHANNEL}")


def _before(created_at: Any, job_id: UUID) -> Q:
    """The jobs that follow one in a list of the newest first."""
    return Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=job_id)


def _labelled(ordered: Any, name: str, wanted: str) -> Iterator[Job]:
    """In pages of our own: a cursor on the server is lost behind a pooler."""
    page = list(ordered[:_READ_AT_ONCE])
    while page:
        jobs = map(rows.job_of, page)
        yield from (job for job in jobs if job.spec.labels.get(name) == wanted)
        last = dict(zip(rows.READ, page[-1], strict=True))
        page = list(ordered.filter(_before(last["created_at"], last["id"]))[:_READ_AT_ONCE])


def _not_found(job_id: UUID) -> NotFound:
    return NotFound("job", f"there is no job {str(job_id)!r}", "list the jobs to see their ids")


def _known_installation(cursor: Any) -> str | None:
    cursor.execute("SELECT identifier FROM container_manager_installation WHERE number = 1")
    row = cursor.fetchone()
    return None if row is None else str(row[0])


def _new_installation(cursor: Any) -> str:
    from container_manager.models import Installation

    made, _ = Installation.objects.using(cursor.db.alias).get_or_create(number=1, defaults={"identifier": uuid4().hex})
    return made.identifier
