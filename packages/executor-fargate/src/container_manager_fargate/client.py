"""Calls to the platform's APIs: under their rate limits, tried again where that helps, errors translated."""

import random
import threading
import time
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader

from container_manager_core.throttling import TokenBucket
from container_manager_fargate.options import FargateOptions
from container_manager_fargate.translation import refusals

_TRIES = 4
_CONNECT_SECONDS = 5.0
_BURST_SECONDS = 2
_POOL_SIZE = 32


class Api(StrEnum):
    """An API, by its name in the SDK."""

    ECS = "ecs"
    LOGS = "logs"


class Client:
    """One account in one region. Safe for several threads.

    Args:
        options: who we are there, and how often we may call.
    """

    def __init__(self, options: FargateOptions) -> None:
        self._options = options
        self._clients: dict[Api, Any] = {}
        self._lock = threading.Lock()
        account = (options.account_id, options.region, options.endpoint_url)
        rates = {Api.ECS: options.ecs_calls_per_second, Api.LOGS: options.log_calls_per_second}
        self._buckets = {
            api: TokenBucket.shared((account, api, rate), rate, max(1, round(rate * _BURST_SECONDS)))
            for api, rate in rates.items()
        }

    @property
    def region(self) -> str:
        """Where the calls go.

        Raises:
            PermanentError: neither the options nor the SDK's configuration say it.
        """
        return self._options.region or str(self._client(Api.ECS).meta.region_name)

    def call(
        self, api: Api, operation: str, *, accept: tuple[str, ...] = (), starts_something: bool = False, **words: Any
    ) -> Mapping[str, Any]:
        """The answer to one call; an empty one when the platform refuses it with a code that is accepted.

        What the platform throttles, answers with an error of its own or cuts off is tried four times in all,
        with growing random pauses: every call that is made can be repeated. What does not reach it is not.

        Args:
            api, operation: such as ``describe_tasks``.
            accept: codes of refusals that the caller takes for an empty answer.
            starts_something: whether a lost answer may hide that something was started.
            words: the call's own parameters.

        Raises:
            ExecutorError: refused, or not answered.
        """
        uncertain = False
        for number in range(_TRIES):
            self._buckets[api].take()
            try:
                answer: Mapping[str, Any] = getattr(self._client(api), operation)(**words)
                return answer
            except (ClientError, BotoCoreError) as error:
                if refusals.code_of(error) in accept:
                    return {}
                refusal = refusals.translated(error, operation, self._options, starts_something=starts_something)
                uncertain = uncertain or refusal.may_have_started
                if number == _TRIES - 1 or not self._helps_to_repeat(api, error):
                    raise (refusals.unsure(refusal) if uncertain else refusal) from error
            time.sleep(random.uniform(0, self._options.backoff_seconds * 2**number))
        raise AssertionError("the last try returns or raises")

    def pages(
        self, api: Api, operation: str, entries: str, *, accept: tuple[str, ...] = (), **words: Any
    ) -> Iterator[Any]:
        """The entries of a list, over all its pages."""
        token: dict[str, Any] = {}
        while True:
            answer = self.call(api, operation, accept=accept, **words, **token)
            yield from answer.get(entries, ())
            if not answer.get("nextToken"):
                return
            token = {"nextToken": answer["nextToken"]}

    def close(self) -> None:
        """Give back the connections."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def _helps_to_repeat(self, api: Api, error: Exception) -> bool:
        if refusals.is_throttled(error):
            self._buckets[api].drain()
            return True
        if refusals.is_expired(error):
            self.close()  # the next client reads the credentials anew
            return True
        return refusals.is_platforms_fault(error) or refusals.is_cut_off(error)

    def _client(self, api: Api) -> Any:
        with self._lock:
            if api not in self._clients:
                self._clients[api] = self._new_client(api)
            return self._clients[api]

    def _new_client(self, api: Api) -> Any:
        options = self._options
        settings = Config(
            connect_timeout=min(_CONNECT_SECONDS, options.timeout),
            read_timeout=options.timeout,
            retries={"total_max_attempts": 1},
            max_pool_connections=_POOL_SIZE,
            user_agent_extra="container-manager",
        )
        try:
            own = botocore.session.Session()
            own.register_component("data_loader", _data_loader())
            session = boto3.session.Session(
                profile_name=options.profile, region_name=options.region, botocore_session=own
            )
            return session.client(api.value, endpoint_url=options.endpoint_url, config=settings)
        except (BotoCoreError, ValueError) as error:
            raise refusals.unusable(error, options) from error


@cache
def _data_loader() -> Loader:
    """What the SDK knows of the APIs, read once: reading it takes longer than all the rest of making a client."""
    return create_loader()
