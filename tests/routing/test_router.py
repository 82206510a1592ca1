"""Where jobs go, and what each decision says."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from routing.fleets import NOW, fleet_of, host, job

from container_manager_core import (
    Config,
    ConfigurationError,
    Execution,
    Failure,
    FailureKind,
    Host,
    Job,
    JobStatus,
    hookimpl,
)
from container_manager_core.job import Route
from container_manager_core.routing import Refusal, Router
from container_manager_core.routing.explanation import MOST_HOSTS
from container_manager_core.rules import Facts, Rule, TemplateFacts, UserFacts, rules_from
from container_manager_core.serialising import from_json, to_json

FOUR = (host("local"), host("aws", "fargate"), host("gcp", "cloudrun"), host("par", "scaleway"))
THREE_RULES = (
    Rule(condition="template.memory_limit > 8192", executor="fargate", reason="High memory requirement"),
    Rule(condition='user.groups.filter(name="premium").exists()', executor="cloudrun", reason="Premium user"),
    Rule(condition='template.name.startswith("batch-")', executor="scaleway", reason="Batch work"),
    Rule(condition="True", executor="docker", reason="All else"),
)


def decided(router: Router, wanted: Job, **facts: Any) -> Route:
    decision = router.decide(wanted, NOW, **facts)
    assert isinstance(decision, Route), decision
    return decision


def refused(router: Router, wanted: Job, **facts: Any) -> Refusal:
    decision = router.decide(wanted, NOW, **facts)
    assert isinstance(decision, Refusal), decision
    return decision


def reasons(route: Route) -> dict[str, str]:
    return {candidate.host: candidate.reason for candidate in route.candidates}


@pytest.mark.parametrize(
    ("wanted", "where", "reason"),
    [
        (job(9000, {"groups": "premium"}), "aws", "High memory requirement (rule 1)"),
        (job(512, {"groups": "staff,premium", "template": "batch-1"}), "gcp", "Premium user (rule 2)"),
        (job(512, {"template": "batch-1"}), "par", "Batch work (rule 3)"),
        (job(512), "local", "All else (rule 4)"),
        (job(), "local", "All else (rule 4)"),
    ],
)
def test_the_first_rule_that_matches_wins_and_its_reason_stands_on_the_route(
    wanted: Job, where: str, reason: str
) -> None:
    route = decided(Router(fleet_of(*FOUR), rules=THREE_RULES), wanted)
    assert (route.host, route.reason) == (where, reason)


def test_the_same_rules_work_from_a_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "container-manager.toml"
    path.write_text(
        """
        [[rules]]
        condition = "template.memory_limit > 8192"
        executor = "fargate"
        reason = "High memory requirement"
        [[rules]]
        condition = 'user.groups.filter(name="premium").exists()'
        executor = "cloudrun"
        reason = "Premium user"
        [[rules]]
        condition = 'template.name.startswith("batch-")'
        executor = "scaleway"
        reason = "Batch work"
        [[rules]]
        condition = "True"
        executor = "docker"
        reason = "All else"
        """
    )
    assert Config.load(path).rules == THREE_RULES
    settings = [{"condition": rule.condition, "executor": rule.executor, "reason": rule.reason} for rule in THREE_RULES]
    assert rules_from(settings, "EXECUTOR_ROUTING_RULES") == THREE_RULES
    with pytest.raises(
        ConfigurationError, match=r"EXECUTOR_ROUTING_RULES: rule 2 \(Odd\), column 5: there is no fact 'os'"
    ):
        rules_from([*settings[:1], {"condition": "not os", "host": "a", "reason": "Odd"}], "EXECUTOR_ROUTING_RULES")
    called = rules_from([{"condition": lambda facts: facts.user.name == "ann", "host": "local"}], "rules")
    assert decided(Router(fleet_of(*FOUR), rules=called), job(created_by="ann")).host == "local"


def test_a_route_says_what_each_rule_gave() -> None:
    route = decided(Router(fleet_of(*FOUR), rules=THREE_RULES), job(labels={"template": "batch-1"}))
    assert route.rule == 3
    assert [(finding.number, finding.outcome.value, finding.detail) for finding in route.rules] == [
        (1, "no answer", "template.memory_limit is not set"),
        (2, "no match", ""),
        (3, "matched", ""),
    ]
    assert route.rules[2].target == "executor scaleway"


def test_rules_of_higher_priority_are_asked_first() -> None:
    late = Rule(condition="True", executor="scaleway", priority=5)
    assert decided(Router(fleet_of(*FOUR), rules=[*THREE_RULES, late]), job(9000)).host == "par"


def test_a_job_goes_elsewhere_when_none_of_the_hosts_of_its_rule_can_take_it() -> None:
    fleet = fleet_of(host("aws", "fargate", max_concurrent_jobs=1), host("local"))
    router = Router(fleet, rules=THREE_RULES[:1])
    assert decided(router, job(9000)).host == "aws"
    route = decided(router, job(9000))
    assert route.host == "local"
    assert route.reason == (
        "by weight, as rule 1 (High memory requirement) names executor fargate and none of these can take the job now"
    )
    assert reasons(route)["aws"] == "it is full (1 jobs)"


def test_a_required_rule_lets_the_job_wait_for_its_hosts() -> None:
    rule = attrs.evolve(THREE_RULES[0], required=True)
    router = Router(fleet_of(host("aws", "fargate", max_concurrent_jobs=1), host("local")), rules=[rule])
    decided(router, job(9000))
    refusal = refused(router, job(9000))
    assert (refusal.permanent, refusal.full) == (False, True)
    assert refusal.reason == "no host can take it: aws: it is full (1 jobs)"
    router.refresh({"aws": 0})
    assert decided(router, job(9000)).host == "aws"


def test_a_required_rule_excludes_all_other_hosts_and_says_so_of_each() -> None:
    rule = attrs.evolve(THREE_RULES[0], required=True)
    fleet = fleet_of(host("aws", "fargate", active=False), host("local"), *(host(f"h{n:02}") for n in range(30)))
    refusal = refused(Router(fleet, rules=[rule]), job(9000))
    assert reasons(refusal.route)["aws"] == "it is not active"
    others = {each.reason: each.hosts for each in refusal.route.others}
    assert others == {"not what is asked for: executor 'fargate'": 31}
    few = refused(Router(fleet_of(host("aws", "fargate", active=False), host("local")), rules=[rule]), job(9000))
    assert reasons(few.route)["local"] == "rule 1 (High memory requirement) requires executor fargate"
    assert not any(candidate.eligible for candidate in few.candidates)


def test_a_rule_whose_hosts_the_job_does_not_support_is_not_the_reason_for_where_it_goes() -> None:
    route = decided(Router(fleet_of(*FOUR), rules=THREE_RULES), job(9000, {"supported-executors": "docker"}))
    assert (route.host, route.rule) == ("local", 1)
    assert route.reason == (
        "by weight, as rule 1 (High memory requirement) names executor fargate and none of these can take the job now"
    )


def test_a_required_rule_without_any_host_says_so() -> None:
    rule = attrs.evolve(THREE_RULES[0], required=True)
    refusal = refused(Router(fleet_of(host("local")), rules=[rule]), job(9000))
    assert refusal.permanent
    assert refusal.reason == (
        "rule 1 (High memory requirement) requires executor fargate, and no configured host is such"
    )


def test_rules_choose_by_labels_of_hosts() -> None:
    hosts = (host("us", labels={"region": "us"}), host("eu", labels={"region": "eu", "disk": "ssd"}))
    rule = Rule(condition='labels.get("data") == "eu"', labels={"region": "eu"}, reason="Data stays in its region")
    router = Router(fleet_of(*hosts), rules=[rule])
    assert {decided(router, job(labels={"data": "eu"})).host for _ in range(4)} == {"eu"}
    assert {decided(router, job()).host for _ in range(4)} == {"us", "eu"}


def test_a_jobs_own_labels_keep_it_to_hosts_with_these() -> None:
    hosts = (host("us", labels={"region": "us"}), host("eu", labels={"region": "eu"}))
    router = Router(fleet_of(*hosts), rules=[Rule(condition="True", host="us")])
    route = decided(router, job(labels={"host/region": "eu"}))
    assert route.host == "eu"
    assert reasons(route)["us"] == "the job asks for a host labelled region=eu"
    refusal = refused(router, job(labels={"host/region": "mars"}))
    assert refusal.permanent
    assert "label region=mars" in refusal.reason


def test_supported_executors_limit_the_candidates_whatever_the_rules_say() -> None:
    router = Router(fleet_of(*FOUR), rules=[Rule(condition="True", executor="scaleway")])
    route = decided(router, job(labels={"supported-executors": "docker, fargate"}))
    assert route.host in ("local", "aws")
    assert set(route.fallbacks) == {"local", "aws"} - {route.host}
    assert reasons(route)["par"] == "the job asks for executor docker or fargate"


def test_facts_come_from_whoever_knows_template_and_user() -> None:
    def facts_of(wanted: Job) -> Facts:
        template = TemplateFacts(name="batch-7", supported_executors=("scaleway", "cloudrun"))
        return Facts(job=wanted, template=template, user=UserFacts(name="ann", groups=frozenset({"premium"})))

    router = Router(fleet_of(*FOUR), rules=THREE_RULES, facts_of=facts_of)
    assert decided(router, job()).host == "gcp"
    unruled = Router(fleet_of(*FOUR), facts_of=facts_of)
    assert {decided(unruled, job()).host for _ in range(6)} == {"gcp", "par"}


def test_a_job_that_asks_for_a_host_or_an_executor_waits_for_it() -> None:
    fleet = fleet_of(host("a", max_concurrent_jobs=1), host("b"), host("c", "fargate"))
    router = Router(fleet, rules=[Rule(condition="True", host="b")])
    assert decided(router, job(requested_host="a")).reason == "the job asks for it"
    refusal = refused(router, job(requested_host="a"))
    assert (refusal.reason, refusal.permanent) == ("no host can take it: a: it is full (1 jobs)", False)
    assert {candidate.host: candidate.reason for candidate in refusal.candidates}["b"] == "the job asks for a"
    assert decided(router, job(preferred_executor="fargate")).host == "c"
    refusal = refused(router, job(preferred_executor="scaleway"))
    assert refusal.permanent
    assert "executor 'scaleway'" in refusal.reason
    assert "configured are: a (docker), b (docker), c (fargate)" in refusal.reason


def test_hosts_that_are_never_chosen_by_themselves_are_chosen_by_a_rule_that_names_them() -> None:
    fleet = fleet_of(host("by-hand", "manual"), host("resting", "manual", active=False))
    refusal = refused(Router(fleet), job())
    assert refusal.permanent
    assert refusal.reason == (
        "no host can take it: by-hand: manual runs only jobs that ask for it; "
        "resting: manual runs only jobs that ask for it"
    )
    route = decided(Router(fleet, rules=[Rule(condition="True", executor="manual")]), job())
    assert reasons(route) == {"by-hand": "rule 1 names executor manual", "resting": "it is not active"}
    assert decided(Router(fleet), job(preferred_executor="manual")).host == "by-hand"


class Chooser:
    """A plugin that sends every job to the last candidate."""

    def __init__(self) -> None:
        self.asked: list[Sequence[Host]] = []

    @hookimpl
    def container_manager_route(self, job: Job, candidates: Sequence[Host]) -> Host | str | None:
        self.asked.append(candidates)
        return candidates[-1] if job.name != "leave it" else None


def test_a_plugin_chooses_among_the_hosts_that_can_before_the_rules() -> None:
    chooser = Chooser()
    fleet = fleet_of(host("a"), host("b"), host("c", active=False), plugins=[chooser])
    router = Router(fleet, rules=[Rule(condition="True", host="a")])
    route = decided(router, job())
    assert (route.host, route.reason, route.rules) == ("b", "a plugin chose it", ())
    assert [candidate.name for candidate in chooser.asked[0]] == ["a", "b"]
    assert decided(router, job(name="leave it")).host == "a"
    assert decided(router, job(requested_host="a")).reason == "the job asks for it"
    assert len(chooser.asked) == 2, "a job that asks for a host is not offered"


def test_a_host_that_failed_the_last_attempt_is_tried_last() -> None:
    router = Router(fleet_of(host("a", weight=1000), host("b", weight=1)))
    failure = Failure(kind=FailureKind.CAPACITY, message="no room", retryable=True)
    execution = Execution(attempt=1, host="a", executor="docker", status=JobStatus.FAILED, created_at=NOW)
    tried = job(attempt=1, execution=execution, failure=failure)
    route = decided(router, tried)
    assert route.host == "b"
    assert reasons(route)["a"] == "it could have taken the job; its latest attempt failed there (capacity)"
    assert decided(router, tried, avoid=frozenset({"b"})).host == "a"


def test_with_every_host_but_one_out_the_job_goes_to_the_one_and_each_reason_is_a_readable_line() -> None:
    hosts = (
        host("full", max_concurrent_jobs=2),
        host("dead"),
        host("poor"),
        host("small", config={"memory_mib": 100}),
        host("idle", active=False),
        host("strange", "kubernetes"),
        host("by-hand", "manual"),
        host("other", labels={"region": "us"}),
        host("good", labels={"region": "eu"}),
    )
    fleet = fleet_of(*(attrs.evolve(each, labels={"region": "eu"}) if each.name != "other" else each for each in hosts))
    fleet.note_failure("dead", "connection refused; start the engine")

    def budget(wanted: Job, asked: Host, now: datetime) -> str | None:
        return "its budget of 10 for this month is used up" if asked.name == "poor" else None

    router = Router(fleet, [budget])
    router.refresh({"full": 2})
    for _ in range(5):
        route = decided(router, job(512, {"host/region": "eu"}))
        assert route.host == "good"
    assert route.fallbacks == ()
    assert reasons(route) == {
        "full": "it is full (2 jobs)",
        "dead": "connection refused; start the engine",
        "poor": "its budget of 10 for this month is used up",
        "small": "resources.memory_mib: 512 MiB are more than the 100 MiB of this host; "
        "ask for less, or raise the host's option memory_mib",
        "idle": "it is not active",
        "strange": "no installed distribution brings the executor 'kubernetes'; "
        "pip install container-manager-kubernetes",
        "by-hand": "manual runs only jobs that ask for it",
        "other": "the job asks for a host labelled region=eu",
        "good": "by weight among the hosts with room",
    }
    assert [candidate.host for candidate in route.candidates if candidate.eligible] == ["good"]


def test_impossible_everywhere_is_permanent_and_a_host_that_may_recover_is_not() -> None:
    fleet = fleet_of(host("small", config={"memory_mib": 100}), host("big"))
    fleet.note_failure("big", "no answer")
    refusal = refused(Router(fleet), job(512))
    assert not refusal.permanent
    assert refusal.reason.startswith("no host can take it: small: resources.memory_mib: 512 MiB are more")
    assert refusal.reason.endswith("; big: no answer")
    assert refused(Router(fleet_of(host("small", config={"memory_mib": 100}))), job(512)).permanent


def test_health_and_new_hosts_are_seen_at_the_next_refresh() -> None:
    fleet = fleet_of(host("a"), host("b", active=False))
    router = Router(fleet)
    fleet.note_failure("a", "no answer")
    router.refresh({})
    assert router.choose(job(), NOW) is None
    assert router.closed_hosts() == {"a", "b"}
    fleet.note_success("a")
    fleet.configure(host("a"), host("b", max_concurrent_jobs=3), host("c"))
    router.hosts_changed()
    assert {decided(router, job()).host for _ in range(6)} == {"a", "b", "c"}
    assert (router.closed_hosts(), router.free_places(), router.free_places(frozenset({"b"}))) == (frozenset(), 17, 1)
    fleet.configure(host("c"))
    router.refresh({"c": 2})
    assert {decided(router, job()).host for _ in range(8)} == {"c"}
    assert router.closed_hosts(frozenset({"a"})) == {"c"}
    assert router.free_places() == 0


def test_of_many_hosts_a_decision_names_the_nearest_few_and_counts_the_others() -> None:
    hosts = [host(f"h{number:04}", max_concurrent_jobs=1, active=number % 10 != 0) for number in range(1000)]
    fleet = fleet_of(*hosts, *(host(f"f{number}", "fargate") for number in range(50)))
    router = Router(fleet)
    router.refresh({f"h{number:04}": 1 for number in range(500, 600)})
    route = decided(router, job(preferred_executor="docker"))
    assert len(route.candidates) <= MOST_HOSTS
    assert route.candidates[0].host == route.host
    assert len(route.fallbacks) == 10
    others = {each.reason: each.hosts for each in route.others}
    named = len(route.candidates)
    assert sum(others.values()) + named == 1050
    assert others["not what is asked for: executor 'docker'"] == 50
    assert others["as it is not active"] == 100
    assert others["as it is full"] == 90
    assert len(to_json(route)) < 4000


def test_a_route_survives_being_stored() -> None:
    router = Router(fleet_of(*FOUR), rules=THREE_RULES)
    for wanted in (job(9000), job(preferred_executor="manual")):
        decision = router.decide(wanted, NOW)
        route = decision.route if isinstance(decision, Refusal) else decision
        assert from_json(to_json(route), Route) == route
