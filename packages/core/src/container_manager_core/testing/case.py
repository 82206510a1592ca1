"""One case of a conformance suite: what it needs, and what an author may do to it."""

from collections.abc import Callable, Iterable, Mapping
from inspect import getattr_static
from typing import Any, TypeVar

import attrs

from container_manager_core.executor import Capability

Function = TypeVar("Function", bound=Callable[..., Any])

_NEEDS = "_conformance_needs"
_REASON = "_conformance_override_reason"
_LEFT_OUT = "_conformance_left_out"


@attrs.frozen
class Needs:
    """What must be there for a case to make sense: capabilities, and facts that the author gave."""

    capabilities: frozenset[Capability] = frozenset()
    facts: tuple[str, ...] = ()


def needs(*capabilities: Capability, facts: Iterable[str] = ()) -> Callable[[Function], Function]:
    """Mark a case that is only for executors with these capabilities, or whose author gave these facts."""

    def mark(function: Function) -> Function:
        setattr(function, _NEEDS, Needs(frozenset(capabilities), tuple(facts)))
        return function

    return mark


def overrides(*, reason: str) -> Callable[[Function], Function]:
    """Mark an author's own version of a case, with the reason why the suite's cannot be used.

    Raises:
        ValueError: a reason too short to be one.
    """
    if len(reason.split()) < 3:
        raise ValueError(f"{reason!r} is no reason: say in a sentence why the case cannot be used as it is")

    def mark(function: Function) -> Function:
        setattr(function, _REASON, reason)
        return function

    return mark


def cases_of(suite: type) -> Mapping[str, Callable[..., Any]]:
    """Every case of a suite, by name."""
    return {name: getattr(suite, name) for name in dir(suite) if name.startswith("test_")}


def select_cases(cls: type, suite: type, cases: Mapping[str, Callable[..., Any]], given: Iterable[Capability]) -> None:
    """Leave out of an author's class the cases that do not concern it, and remember why."""
    capabilities = frozenset(given)
    left_out = {}
    for name, case in cases.items():
        missing = _missing(cls, suite, getattr(case, _NEEDS, Needs()), capabilities)
        if missing:
            left_out[name] = missing
            setattr(cls, name, None)
        elif getattr(cls, name, None) is None:
            setattr(cls, name, case)
    setattr(cls, _LEFT_OUT, left_out)


def left_out_of(cls: type) -> Mapping[str, str]:
    """The cases that do not concern the class, with the reasons."""
    return getattr(cls, _LEFT_OUT, {})


def overridden_in(cls: type, suite: type, cases: Iterable[str]) -> Mapping[str, str]:
    """The cases that an author replaced, with the reasons.

    Raises:
        TypeError: one was replaced or taken away without `overrides`.
    """
    reasons: dict[str, str] = {}
    for owner in cls.__mro__:
        if owner in suite.__mro__:
            continue
        for name in owner.__dict__.keys() & set(cases) - left_out_of(owner).keys():
            replacement = owner.__dict__[name]
            if replacement is getattr(suite, name):
                continue
            reason = getattr(replacement, _REASON, None)
            if reason is None:
                raise TypeError(
                    f"{owner.__name__}.{name} replaces a case of {suite.__name__} without saying why; "
                    'decorate it with @overrides(reason="...") or remove it'
                )
            reasons.setdefault(name, reason)
    return reasons


def _missing(cls: type, suite: type, wanted: Needs, capabilities: frozenset[Capability]) -> str:
    undeclared = sorted(wanted.capabilities - capabilities)
    if undeclared:
        return f"{', '.join(undeclared)} not declared"
    # A fixture is a descriptor: only the static look tells whether it is the suite's own.
    absent = [fact for fact in wanted.facts if getattr_static(cls, fact) is getattr_static(suite, fact)]
    return f"{', '.join(absent)} not given" if absent else ""
