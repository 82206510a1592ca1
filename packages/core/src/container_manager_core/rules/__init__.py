"""Which jobs are to go where: rules, the conditions in them and the facts that conditions are about."""

from container_manager_core.rules.conditions import Condition
from container_manager_core.rules.facts import Facts, TemplateFacts, UserFacts, default_facts
from container_manager_core.rules.loading import rules_from
from container_manager_core.rules.rule import Rule
from container_manager_core.rules.ruleset import RuleSet

__all__ = [
    "Condition",
    "Facts",
    "Rule",
    "RuleSet",
    "TemplateFacts",
    "UserFacts",
    "default_facts",
    "rules_from",
]
