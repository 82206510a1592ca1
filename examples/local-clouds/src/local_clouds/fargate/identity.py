"""Who calls, proved by a signature of version 4, and what they may do."""

import hashlib
import hmac
import re
from collections.abc import Mapping

import attrs

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request), ?SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@attrs.frozen(kw_only=True)
class User:
    """Somebody with an access key.

    Attributes:
        name: for messages.
        access_key, secret_key: what they sign with.
        denied: actions they may not do, such as ``ecs:RunTask``.
    """

    name: str
    access_key: str
    secret_key: str = attrs.field(repr=False)
    denied: frozenset[str] = frozenset()


class Refused(Exception):
    """The platform refuses the call, with a code and its words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status


@attrs.frozen(kw_only=True)
class Request:
    """One call over HTTP.

    Attributes:
        method, path, headers, body: as they came; the headers' names in lower case.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def caller(request: Request, users: Mapping[str, User], region: str) -> User:
    """Who signed the request.

    Args:
        users: by access key.
        region: the only one that this cloud has.

    Raises:
        Refused: nobody did, or nobody known.
    """
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise Refused("MissingAuthenticationTokenException", "Missing Authentication Token")
    user = users.get(match["key"])
    if user is None:
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    if match["region"] != region:
        raise Refused(
            "InvalidSignatureException",
            f"Credential should be scoped to a valid region, not '{match['region']}'.",
        )
    if not hmac.compare_digest(_signature(request, match, user), match["signature"]):
        raise Refused(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method.",
        )
    return user


def _signature(request: Request, match: re.Match[str], user: User) -> str:
    names = match["headers"].split(";")
    path, _, query = request.path.partition("?")
    canonical = "\n".join(
        [
            request.method,
            path,
            query,
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
            "",
            match["headers"],
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{request.headers.get('x-amz-date', '')}\n{match['scope']}\n{digest}"
    key = f"AWS4{user.secret_key}".encode()
    for word in (match["date"], match["region"], match["service"], "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
