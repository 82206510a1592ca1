"""``secret://scaleway-secretmanager/...`` for every executor: the worker asks Secret Manager itself."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from local_clouds.scaleway import Cloud

from container_manager_core.errors import InvalidInput
from container_manager_scaleway.secret_references import SecretReference

SECRET_ID = "5ec2e700-0000-4000-8000-000000000001"
RESOLVE = """
import json, sys
from container_manager_core.errors import InvalidInput
from container_manager_core.plugins import Plugins
resolve = Plugins.load().secret_resolvers()["scaleway-secretmanager"]
imported = "scaleway" in sys.modules
try:
    print(json.dumps([imported, resolve(sys.argv[1])]))
except InvalidInput as error:
    print(json.dumps([imported, str(error)]))
"""


def resolve(cloud: Cloud, name: str) -> Any:
    """What a process with the cloud's credentials in its environment gets."""
    known = cloud.credentials
    variables = {
        "SCW_ACCESS_KEY": known.access_key,
        "SCW_SECRET_KEY": known.secret_key,
        "SCW_API_URL": cloud.url,
        "SCW_DEFAULT_PROJECT_ID": known.project_id,
        "SCW_DEFAULT_REGION": known.region,
    }
    command = [sys.executable, "-W", "error", "-c", RESOLVE, name]
    ended = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_secret_is_resolved_with_the_sdks_own_credentials(usual_cloud: Cloud) -> None:
    """And finding the resolver imports no SDK."""
    usual_cloud.definitions.secret_values[SECRET_ID] = "gr\u00fcn"
    assert resolve(usual_cloud, f"{SECRET_ID}@latest") == [False, "gr\u00fcn"]


def test_a_secret_that_is_not_there_is_told(usual_cloud: Cloud) -> None:
    other = SECRET_ID.replace("1", "2")
    _, message = resolve(usual_cloud, other)
    assert f"secret://scaleway-secretmanager/{other}: Scaleway cannot give the secret {other}" in message


@pytest.mark.parametrize("name", ["token", f"{SECRET_ID}@", f"{SECRET_ID}@0", f"/{SECRET_ID}", SECRET_ID.upper()])
def test_what_names_no_secret_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"write \[region/\]secret id\[@revision\]"):
        SecretReference.parse(name)


def test_a_reference_names_region_and_revision() -> None:
    assert SecretReference.parse(SECRET_ID) == SecretReference(SECRET_ID)
    assert SecretReference.parse(f"nl-ams/{SECRET_ID}@7") == SecretReference(SECRET_ID, "7", "nl-ams")
