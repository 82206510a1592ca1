"""Taking ready jobs on PostgreSQL in one statement, which is a transaction by itself.

Nobody waits for it to be on disk: nothing follows from a claim but what is recorded under it, durably and after it in
the log. A server that crashes in between forgets the claim, and refuses the record.
"""

from collections.abc import Sequence
from typing import Any

from container_manager.store.claims import IN_TURN, not_due, orphaned, overdue, ready
from container_manager.store.rows import COLUMNS, JOBS, LEASES, READ
from container_manager_core.store.protocol import Claim

# As text: read in half the time that a driver's own time of a zone takes, which Django gives it.
_READ = COLUMNS.replace("created_at", "taken.created_at::text")
_IN_TURN = IN_TURN.replace("created_at", "taken.created_at")


def take_ready(cursor: Any, now: str, claim: Claim) -> Sequence[Sequence[Any]] | None:
    """The rows of a claim's jobs, now held by its worker.

    Args:
        cursor: of a connection that commits each statement.
        now: the time, as an SQL expression in microseconds.

    Returns:
        None, with nothing done, when there is more to be done than taking ready jobs: leases have run out, jobs are in
        nobody's hands or waited for too long, or a time has come that some waited for.
    """
    if frozenset() in (claim.only_jobs, claim.only_hosts):
        return []
    of_orphaned, orphaned_values = orphaned(claim)
    of_overdue, overdue_values = overdue(claim, now)
    of_ready, ready_values = ready(claim)
    wanted = claim.pending and claim.limit > 0
    # A limit is part of the statement, as a plan for any limit would be made for a tenth of all that are ready; but a
    # statement for each limit would be too many to be kept. No more rows are locked than the outer one lets through.
    limit = max(claim.limit, 0)
    most = 1 << max(limit - 1, 0).bit_length()
    cursor.execute(
        "WITH more AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true),"
        f" EXISTS (SELECT FROM {LEASES} WHERE expires_at <= {now})"
        f" OR EXISTS (SELECT FROM {JOBS} WHERE {of_orphaned}) OR EXISTS (SELECT FROM {JOBS} WHERE {of_overdue})"
        f" OR (%s AND EXISTS (SELECT FROM {JOBS} WHERE {not_due(now)})) AS found),"
        # Nobody can expire this worker's lease before the statement has ended.
        f" lease AS MATERIALIZED (SELECT id FROM {LEASES} WHERE id = %s FOR UPDATE),"
        f" ready AS MATERIALIZED (SELECT id FROM (SELECT id FROM {JOBS} WHERE %s AND NOT (SELECT found FROM more)"
        f" AND EXISTS (SELECT FROM lease) AND {of_ready} {IN_TURN} LIMIT {most} FOR UPDATE SKIP LOCKED) next LIMIT %s),"
        f" taken AS (UPDATE {JOBS} job SET worker = %s, epoch = epoch + 1 FROM ready WHERE job.id = ready.id"
        f" RETURNING {', '.join(f'job.{column}' for column in READ)})"
        f" SELECT found, {_READ} FROM more LEFT JOIN taken ON true {_IN_TURN}",
        [
            *(*orphaned_values, *overdue_values, wanted),
            claim.worker,
            *(wanted, *ready_values, limit),
            claim.worker,
        ],
    )
    found = cursor.fetchall()
    if found[0][0]:
        return None
    return [row[1:] for row in found if row[1] is not None]
