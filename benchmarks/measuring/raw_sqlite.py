"""What the sqlite3 module alone does to the same tables, columns and indexes, in as many durable transactions."""

import sqlite3
from pathlib import Path
from uuid import UUID

from measuring.moves import HOST, WORKER


class SameTables:
    """Two transactions a batch, on a file of the same tables with all their indexes, as durable as ours.

    The first is one UPDATE .. RETURNING that claims; nothing parses the JSON texts that it returns. The second updates
    every column that a finished job has. Ids alone differ from row to row.

    Args:
        path: the file, with our tables.
        ours: the file of our store.
    """

    name = "the same tables in raw SQL"

    def __init__(self, path: Path, ours: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -8192"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("ATTACH ? AS ours", (str(ours),))

    def add(self, ids: list[UUID]) -> None:
        """Copy these waiting jobs of ours."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            "INSERT INTO main.jobs SELECT * FROM ours.jobs WHERE id = ?", [(job_id.bytes,) for job_id in ids]
        )
        self._connection.execute("COMMIT")

    def work_off(self, batch: int, texts: tuple[str, str]) -> int:
        """Claim and finish until nothing waits; how many there were.

        Args:
            texts: the JSON of the facts and of the execution, as ours stores them.
        """
        done, execute = 0, self._connection.execute
        while True:
            execute("BEGIN IMMEDIATE")
            taken = execute(
                "UPDATE main.jobs SET worker = ?, epoch = epoch + 1 WHERE number IN (SELECT number FROM main.jobs"
                " WHERE status = 'pending' AND worker IS NULL AND due_at IS NULL AND attention = 0"
                " ORDER BY priority DESC, created_at, number LIMIT ?)"
                " RETURNING number, id, name, priority, created_at, attempt, epoch, spec, facts",
                (WORKER, batch),
            ).fetchall()
            execute("COMMIT")
            if not taken:
                return done
            execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "UPDATE main.jobs SET status = 'completed', attempt = 1, host = ?, finished_at = ?, attention = 0,"
                " worker = NULL, facts = ?, execution = ? WHERE number = ? AND worker = ? AND status = 'pending'",
                [(HOST.name, 1_900_000_000_000_000, *texts, row[0], WORKER) for row in taken],
            )
            execute("COMMIT")
            done += len(taken)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
