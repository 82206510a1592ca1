"""Database statements that a job costs through Django: one job at a time, and 50 at once.

    python benchmarks/statements.py [--quick] [--jobs N]

A whole worker on PostgreSQL with a host of the mock executor, from its first claim until its last job is cleaned up.
Counted are all statements of all its connections as Django sees them, BEGIN and COMMIT apart, and the transactions
that the worker's connections end. The submission is not among them, the worker's own start and end are.
"""

from collections import Counter
from typing import Any

from measuring.figure import Figure, options, show
from measuring.project import project

from container_manager_core import ContainerSpec

_SPEC = ContainerSpec(image="registry.example/app:1", command=("true",))


def main() -> None:
    """Measure and print the rows."""
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--each", action="store_true", help="tell the statements by their kinds")
    given = parser.parse_args()
    jobs = 50 if given.quick else given.jobs
    with project("postgresql"):
        from django.db.backends.signals import connection_created

        from container_manager.manager import become_worker, get_manager
        from container_manager.models import ExecutorHost

        seen: Counter[str] = Counter()

        def note(execute: Any, statement: str, given: Any, many: bool, context: Any) -> Any:
            seen[statement] += 1
            return execute(statement, given, many, context)

        def watch(connection: Any, **_: Any) -> None:
            connection.execute_wrappers.append(note)

        connection_created.connect(watch)
        get_manager().store.close()
        become_worker()
        ExecutorHost.objects.create(name="mock", executor_type="mock", max_concurrent_jobs=1000)
        for width, most in ((1, 8.0), (50, 8.0)):
            get_manager().submit_many([_spec(get_manager()) for _ in range(jobs)])
            seen.clear()
            get_manager().worker(max_jobs=width).run(drain=True)
            how = "one job at a time" if width == 1 else f"{width} jobs at once"
            total = sum(seen.values())
            show(Figure(what=f"database statements a job through Django, {how}", value=total / jobs, most=most))
            if given.each:
                for statement, count in seen.most_common(20):
                    print(f"{count / jobs:8.2f} {statement[:150]}")


def _spec(manager: Any) -> Any:
    from container_manager_core import Submission

    return Submission(spec=_SPEC, host="mock")


if __name__ == "__main__":
    main()
