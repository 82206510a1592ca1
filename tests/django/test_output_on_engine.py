"""A real container's output, whatever its bytes, through the project's database."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from container_manager.manager import get_manager, reset
from container_manager.models import ContainerJob
from support.engine import Engine


@pytest.fixture(autouse=True)
def _on_engine(engine: Engine) -> Iterator[None]:
    with override_settings(CONTAINER_EXECUTORS={"docker": {"hosts": {"engine": {"base_url": engine.base_url}}}}):
        reset()
        yield
        reset()


def test_nul_bytes_and_what_is_no_utf_8_survive_in_both_streams(engine: Engine) -> None:
    script = r"printf 'a\000b\377c\n'; printf '\303(' >&2"
    job = ContainerJob.objects.create(image=engine.image, command=f'sh -c "{script}"')
    get_manager().worker().run(once=True)
    assert job.get_status() == "completed"
    assert job.get_logs().stdout == b"a\0b\xffc\n"
    assert job.get_logs().stderr == b"\xc3("
    assert job.execution is not None
    assert job.execution.stdout_log == "a\0b\ufffdc\n"


def test_an_image_name_and_a_failure_with_odd_characters_are_stored(engine: Engine) -> None:
    job = ContainerJob.objects.create(image=engine.image, command="'/no/such/<b>{program}'")
    get_manager().worker().run(once=True)
    assert job.get_status() == "failed"
    assert "/no/such/<b>{program}" in job.failure_message
