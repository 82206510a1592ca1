"""References to Secret Manager, resolved for hosts that cannot fetch them themselves."""

import pytest
from local_clouds.cloudrun import Accounts, LocalCloudRun

from container_manager_cloudrun.plugin import container_manager_secret_resolvers
from container_manager_cloudrun.secret_references import AUTHORITY_VARIABLE, ENDPOINT_VARIABLE
from container_manager_core.errors import InvalidInput
from container_manager_core.secrets import Secret, SecretSource, Vault
from support.engine import Engine

STORED = "projects/p/secrets/token"


def no_vault() -> Vault:
    raise AssertionError("nothing is sealed")


def test_a_reference_gives_the_secrets_latest_or_named_version(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalCloudRun(engine_url=engine.base_url, secrets={STORED: ["first", "second"]}) as cloud:
        monkeypatch.setenv(ENDPOINT_VARIABLE, cloud.endpoint)
        monkeypatch.setenv(AUTHORITY_VARIABLE, str(cloud.authority_file))
        source = SecretSource(no_vault, container_manager_secret_resolvers())
        secrets = {"A": STORED, "B": f"{STORED}/versions/1", "C": f"{STORED}/versions/latest"}
        references = {name: Secret.parse(f"secret://gcp-secretmanager/{text}") for name, text in secrets.items()}
        assert source.resolve(references) == {"A": "second", "B": "first", "C": "second"}
        absent = Secret.parse("secret://gcp-secretmanager/projects/p/secrets/absent")
        with pytest.raises(InvalidInput, match=r"secrets/absent\] not found.*secretAccessor"):
            source.resolve({"A": absent})


def test_who_may_not_read_a_secret_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalCloudRun(engine_url=engine.base_url, accounts=Accounts(anonymous=False)) as cloud:
        monkeypatch.setenv(ENDPOINT_VARIABLE, cloud.endpoint)
        monkeypatch.setenv(AUTHORITY_VARIABLE, str(cloud.authority_file))
        source = SecretSource(no_vault, container_manager_secret_resolvers())
        with pytest.raises(InvalidInput, match="invalid authentication credentials"):
            source.resolve({"A": Secret.parse(f"secret://gcp-secretmanager/{STORED}")})


def test_a_name_of_another_form_is_refused() -> None:
    source = SecretSource(no_vault, container_manager_secret_resolvers())
    with pytest.raises(InvalidInput, match="write projects/PROJECT/secrets/NAME"):
        source.resolve({"A": Secret.parse("secret://gcp-secretmanager/token")})
