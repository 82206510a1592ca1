"""The local cloud: what each call of the API does."""

import base64
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local_clouds.scaleway.credentials import Credentials
from local_clouds.scaleway.definitions import Definitions
from local_clouds.scaleway.faults import Faults
from local_clouds.scaleway.logs import LogStore
from local_clouds.scaleway.refusal import Refused, invalid, not_found
from local_clouds.scaleway.runs import MakeContainer, Runs

MOST_OF_A_PAGE = 100

Query = Mapping[str, Sequence[str]]


class Cloud:
    """Serverless Jobs, Cockpit and Secret Manager of one project in one region.

    Attributes:
        calls: how many calls of each operation came, refused ones included.
        url: where it is served; the server sets it.

    Args:
        make_container: runs the jobs' containers.
        credentials: who may use it.
        faults: what goes wrong.
        stop_grace_seconds: time between SIGTERM and SIGKILL of a run that is stopped.
    """

    def __init__(
        self,
        make_container: MakeContainer,
        credentials: Credentials | None = None,
        faults: Faults | None = None,
        stop_grace_seconds: float = 10.0,
    ) -> None:
        self.credentials = credentials or Credentials()
        self.faults = faults or Faults()
        self.calls: Counter[str] = Counter()
        self.url = ""
        self.logs = LogStore(self.faults)
        self.definitions = Definitions(self.credentials.region)
        self.runs = Runs(self.definitions, self.logs, make_container, stop_grace_seconds=stop_grace_seconds)

    def close(self) -> None:
        """Kill whatever runs."""
        self.runs.stop_all()

    def authorise(self, token: str | None, permission: str, region: str | None) -> None:
        """Refuse who may not make a call."""
        known = self.credentials
        if token != known.secret_key:
            raise Refused(401, "denied_authentication", "authentication is denied", reason="invalid_argument")
        if known.expired:
            raise Refused(401, "denied_authentication", "authentication is denied", reason="expired")
        if region is not None and region != known.region:
            raise Refused(404, "not_found", f"region {region} is not available")
        if permission not in known.permissions:
            resource, _, action = permission.partition(":")
            details = [{"resource": resource, "action": action}]
            raise Refused(403, "permissions_denied", "insufficient permissions", details=details)

    def create_job_definition(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """Make a definition in our project."""
        self._require_project(body.get("project_id"))
        return self.definitions.create(body, self.credentials.project_id)

    def list_job_definitions(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """A page of definitions."""
        self._require_project(_one(query, "project_id"))
        return _page("job_definitions", self.definitions.all(), query)

    def delete_job_definition(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """Remove a definition."""
        self.definitions.delete(ids[0])
        return None

    def start_job_definition(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """Start a run."""
        return self.runs.start(ids[0], body)

    def get_job_run(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """One run."""
        return self.runs.get(ids[0], self.faults.hides)

    def list_job_runs(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """A page of runs."""
        self._require_project(_one(query, "project_id"))
        states, definition_id = set(query.get("states", ())), _one(query, "job_definition_id")
        runs = [
            run
            for run in self.runs.all(self.faults.hides)
            if (not states or run["state"] in states) and definition_id in (None, run["job_definition_id"])
        ]
        return _page("job_runs", runs, query)

    def stop_job_run(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """Begin to stop a run."""
        return self.runs.stop(ids[0], self.faults.hides)

    def create_secrets(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """Put secrets into a definition."""
        return self.definitions.add_secrets(body)

    def list_secrets(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """The secrets of a definition."""
        secrets = self.definitions.secrets(_one(query, "job_definition_id") or "")
        return {"secrets": secrets, "total_count": len(secrets)}

    def access_secret_version(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """A secret's value."""
        secret_id, _ = ids
        if secret_id not in self.definitions.secret_values:
            raise not_found("secret", secret_id)
        value = self.definitions.secret_values[secret_id].encode()
        return {"secret_id": secret_id, "revision": 1, "type": "opaque", "data": base64.b64encode(value).decode()}

    def list_data_sources(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """Where the logs are."""
        source = {
            "id": self.credentials.project_id,
            "project_id": self.credentials.project_id,
            "name": "Scaleway Logs",
            "url": self.url,
            "type": "logs",
            "origin": "scaleway",
            "region": self.credentials.region,
        }
        return _page("data_sources", [source], query)

    def query_logs(self, ids: Sequence[str], query: Query, body: Mapping[str, Any]) -> Any:
        """Lines of logs."""
        return self.logs.query_range(query)

    def operation(self, name: str) -> Callable[[Sequence[str], Query, Mapping[str, Any]], Any]:
        """What does the call of that name."""
        words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        operation: Callable[[Sequence[str], Query, Mapping[str, Any]], Any] = getattr(self, words.lstrip("_"))
        return operation

    def _require_project(self, project_id: str | None) -> None:
        if project_id not in (None, self.credentials.project_id):
            details = [{"resource": "project", "action": "read"}]
            raise Refused(403, "permissions_denied", f"no access to the project {project_id}", details=details)


def _one(query: Query, name: str) -> str | None:
    values = query.get(name)
    return values[0] if values else None


def _page(key: str, items: list[Any], query: Query) -> Any:
    number, size = int(_one(query, "page") or 1), int(_one(query, "page_size") or 20)
    if not 1 <= size <= MOST_OF_A_PAGE or number < 1:
        raise invalid("page_size", f"must be between 1 and {MOST_OF_A_PAGE}")
    if (_one(query, "order_by") or "created_at_asc").endswith("desc"):
        items = items[::-1]
    return {key: items[(number - 1) * size : number * size], "total_count": len(items)}
