"""Engines' words, as they were seen, in our errors."""

import pytest

from container_manager_core.errors import CapacityError, ExecutorError, PermanentError, TransientError, UpstreamError
from container_manager_core.failure import FailureKind
from container_manager_docker.translation.refusals import (
    is_log_driver_missing,
    is_missing_image,
    is_name_taken,
    is_version_mismatch,
    masked,
    pull_refused,
    refused,
    start_refused,
)


@pytest.mark.parametrize(
    ("message", "error", "kind"),
    [
        ("toomanyrequests: You have reached your pull rate limit", UpstreamError, FailureKind.PLATFORM),
        (
            "pull access denied for nothing, repository does not exist or may require 'docker login': denied",
            PermanentError,
            FailureKind.IMAGE,
        ),
        ("manifest for alpine:none not found: manifest unknown", PermanentError, FailureKind.IMAGE),
        ("no matching manifest for linux/s390x in the manifest list entries", PermanentError, FailureKind.IMAGE),
        (
            'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host',
            PermanentError,
            FailureKind.IMAGE,
        ),
        ('Get "http://r/v2/a/manifests/1": no basic auth credentials', PermanentError, FailureKind.CREDENTIALS),
        ("unauthorized: incorrect username or password", PermanentError, FailureKind.CREDENTIALS),
        ("dial tcp 127.0.0.1:1: connect: connection refused", UpstreamError, FailureKind.PLATFORM),
        ("net/http: TLS handshake timeout", UpstreamError, FailureKind.PLATFORM),
        ("write /var/lib/docker/tmp: no space left on device", CapacityError, FailureKind.CAPACITY),
    ],
)
def test_why_an_image_cannot_be_pulled(message: str, error: type[ExecutorError], kind: FailureKind) -> None:
    translated = pull_refused("alpine:none", message)
    assert (type(translated), translated.kind) == (error, kind)
    assert "'alpine:none'" in translated.message
    assert message in translated.message
    assert translated.hint
    assert not translated.may_have_started


@pytest.mark.parametrize(
    ("status", "message", "error", "kind"),
    [
        (404, 'exec: "nosuch": executable file not found in $PATH: unknown', PermanentError, FailureKind.SPEC),
        (400, 'exec: "/etc": permission denied: unknown', PermanentError, FailureKind.SPEC),
        (400, "exec /bin/app: exec format error", PermanentError, FailureKind.SPEC),
        (500, "crun: executable file `x` not found in $PATH: No such file", PermanentError, FailureKind.SPEC),
        (500, "Bind for 0.0.0.0:80 failed: port is already allocated", CapacityError, FailureKind.CAPACITY),
        (500, "mkdir: no space left on device", CapacityError, FailureKind.CAPACITY),
        (500, "something else", TransientError, FailureKind.PLATFORM),
        (429, "slow down", TransientError, FailureKind.PLATFORM),
        (403, "authorization denied by plugin", PermanentError, FailureKind.CREDENTIALS),
    ],
)
def test_why_a_container_cannot_be_started(
    status: int, message: str, error: type[ExecutorError], kind: FailureKind
) -> None:
    translated = start_refused(message, "cm-1", status)
    assert (type(translated), translated.kind) == (error, kind)
    assert message in translated.message


def test_only_an_answer_from_in_between_may_hide_a_start() -> None:
    assert not refused(500, "x", "start cm-1", may_have_started=True).may_have_started
    assert refused(504, "gateway timeout", "start cm-1", may_have_started=True).may_have_started


def test_special_refusals_are_recognised() -> None:
    assert is_missing_image(404, "No such image: alpine:none")
    assert is_missing_image(404, "image with reference a was found but does not match the specified platform")
    assert not is_missing_image(404, "network x not found")
    assert is_name_taken(409, 'Conflict. The container name "/cm-1" is already in use by container "ab"')
    assert is_name_taken(500, 'creating container storage: the container name "cm-1" is already in use by ab')
    assert not is_name_taken(409, "removal of container ab is already in progress")
    assert is_log_driver_missing(400, 'error looking up logging plugin local: plugin "local" not found')
    assert is_log_driver_missing(500, "invalid log driver: invalid argument")
    assert is_version_mismatch(400, "client version 1.50 is too new. Maximum supported API version is 1.41")


def test_masking_keeps_everything_but_the_secret() -> None:
    error = TransientError("cannot hunter2", FailureKind.QUOTA, "wait", True)
    same = masked(error, ["hunter2", ""])
    assert (type(same), same.message, same.kind, same.hint, same.may_have_started) == (
        TransientError,
        "cannot ***",
        FailureKind.QUOTA,
        "wait",
        True,
    )
