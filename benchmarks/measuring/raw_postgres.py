"""What psycopg alone does to the same tables, columns and indexes, in as many durable transactions."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from measuring.moves import EXECUTION_ID, HOST, WORKER

_LEAN = """CREATE TABLE lean (
    id uuid PRIMARY KEY, status text NOT NULL, worker text, priority int NOT NULL, created_at timestamptz NOT NULL,
    spec text NOT NULL, started_at timestamptz, finished_at timestamptz, exit_code int
)"""


class SameTables:
    """Two statements a batch, each its own transaction, on copies of our tables with all their indexes.

    The first is one UPDATE .. WHERE id IN (SELECT .. FOR UPDATE SKIP LOCKED) that returns the rows' JSON
    texts; nothing parses them. The second updates every column that a finished job has, and inserts the row of its
    attempt. Ids alone differ from row to row; every other value is given once for the batch.

    Args:
        connection: psycopg's, in autocommit.
    """

    name = "the same tables in raw SQL"

    def __init__(self, connection: Any, jobs: str, executions: str) -> None:
        self._connection = connection
        self._jobs, self._executions = jobs, executions
        for table in (jobs, executions):
            connection.execute(f"CREATE TABLE raw_{table} (LIKE {table} INCLUDING ALL)")

    def add(self, ids: list[UUID]) -> None:
        """Copy these waiting jobs of ours."""
        self._connection.execute(f"INSERT INTO raw_{self._jobs} SELECT * FROM {self._jobs} WHERE id = ANY(%s)", (ids,))

    def work_off(self, batch: int, texts: tuple[str, str]) -> int:
        """Claim and finish until nothing waits; how many there were.

        Args:
            texts: the JSON of the facts and of the execution, as ours stores them.
        """
        done = 0
        claim = (
            f"UPDATE raw_{self._jobs} SET worker = %s, epoch = epoch + 1 WHERE id IN (SELECT id FROM raw_{self._jobs}"
            " WHERE status = 'pending' AND worker IS NULL AND NOT attention AND due_at IS NULL"
            f" ORDER BY priority DESC, created_at, id LIMIT {batch} FOR UPDATE SKIP LOCKED)"
            " RETURNING id, name, priority, attempt, epoch, spec, facts, created_at"
        )
        finish = (
            f"WITH written AS (UPDATE raw_{self._jobs} SET status = 'completed', attempt = 1, exit_code = 0,"
            " host_name = %(host)s, executor_type = %(executor)s, routing_reason = %(reason)s,"
            " container_id = %(container)s, actual_cost = NULL, started_at = %(now)s, finished_at = %(now)s,"
            " facts = %(facts)s, latest_execution = %(execution)s, attention = false, worker = NULL"
            # By the ids alone: the indexes of workers and of statuses still hold all that was claimed a moment ago.
            " WHERE id = ANY(%(ids)s) AND worker || '' = %(worker)s AND status || '' = 'pending' RETURNING id)"
            f" INSERT INTO raw_{self._executions} (job_id, attempt, executor_type, host_id, container_id, status,"
            " exit_code, failure_kind, failure_message, failure_hint, started_at, finished_at, launched, amount,"
            " record)"
            " SELECT id, 1, %(executor)s, %(host)s, %(container)s, 'completed', 0, '', '', '', %(now)s, %(now)s,"
            " %(launched)s, 0, %(execution)s FROM written"
        )
        while taken := self._connection.execute(claim, (WORKER,)).fetchall():
            now = datetime.now(UTC)
            self._connection.execute(
                finish,
                {
                    "ids": [row[0] for row in taken],
                    "worker": WORKER,
                    "host": HOST.name,
                    "executor": HOST.executor,
                    "reason": "the only one",
                    "container": EXECUTION_ID,
                    "now": now,
                    "launched": round(now.timestamp() * 1e6),
                    "facts": texts[0],
                    "execution": texts[1],
                },
            )
            done += len(taken)
        return done


class LeanTable:
    """The least that a queue of jobs can be: nine columns, one index on what is ready, nothing kept of attempts.

    Claimed and finished as by `SameTables`, in two statements and transactions a batch.

    Args:
        connection: psycopg's, in autocommit.
    """

    name = "a lean table in raw SQL"

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        connection.execute(_LEAN)
        connection.execute("CREATE INDEX lean_ready ON lean (priority DESC, created_at) WHERE status = 'pending'")

    def add(self, ids: list[UUID]) -> None:
        """Add waiting jobs."""
        now = datetime.now(UTC)
        into = "COPY lean (id, status, priority, created_at, spec) FROM STDIN"
        with self._connection.cursor() as cursor, cursor.copy(into) as copy:
            for job_id in ids:
                copy.write_row((job_id, "pending", 50, now, "{}"))

    def work_off(self, batch: int, texts: tuple[str, str]) -> int:
        """Claim and finish until nothing waits; how many there were."""
        done = 0
        claim = (
            "UPDATE lean SET status = 'running', worker = %s, started_at = now() WHERE id IN (SELECT id FROM lean"
            f" WHERE status = 'pending' ORDER BY priority DESC, created_at LIMIT {batch} FOR UPDATE SKIP LOCKED)"
            " RETURNING id, spec"
        )
        finish = (
            "UPDATE lean SET status = 'completed', exit_code = 0, finished_at = now(), worker = NULL"
            " WHERE id = ANY(%s) AND worker = %s"
        )
        while taken := self._connection.execute(claim, (WORKER,)).fetchall():
            self._connection.execute(finish, ([row[0] for row in taken], WORKER))
            done += len(taken)
        return done
