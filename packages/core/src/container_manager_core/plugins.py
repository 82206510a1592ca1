"""Finding who implements the hooks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import attrs
import pluggy

from container_manager_core import hookspecs
from container_manager_core.errors import NotFound, PluginError
from container_manager_core.executor_type import ExecutorType

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from container_manager_core.secrets import SecretResolver

GROUP = "container_manager"

Listener = Callable[[Mapping[str, Any]], object]
"""Takes a piece of news: a hook's arguments by name."""


class Plugins:
    """The loaded plugins, and the reports on those that could not be loaded.

    Attributes:
        executor_types: by name.
        problems: one error per broken plugin; the others work.
        hook: calls every plugin's implementation.
    """

    def __init__(self, plugins: Iterable[tuple[str, Any]] = (), problems: Iterable[PluginError] = ()) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self.problems: list[PluginError] = list(problems)
        self.executor_types: dict[str, ExecutorType] = {}
        self._listeners: dict[str, Sequence[tuple[str, Listener]]] = {}
        self._distributions: dict[str, str] = {}
        for distribution, plugin in plugins:
            self._add(distribution, plugin)

    @classmethod
    def load(cls, also: Iterable[tuple[str, Any]] = ()) -> "Plugins":
        """The core's own executors and every plugin that the installed distributions announce.

        Args:
            also: further plugins, each with the name that reports on it use.
        """
        from importlib.metadata import entry_points

        from container_manager_core.executors import plugin as own

        loaded: list[tuple[str, Any]] = [("container-manager-core", own)]
        problems = []
        for entry_point in entry_points(group=GROUP):
            distribution = _distribution(entry_point)
            try:
                loaded.append((distribution, entry_point.load()))
            except Exception as error:  # whatever a stranger's module raises must not stop the others
                problems.append(PluginError(distribution, f"{entry_point.value} cannot be imported: {error!r}"))
        return cls([*loaded, *also], problems)

    @property
    def hook(self) -> Any:
        """The hook relay: ``plugins.hook.container_manager_route(job=..., candidates=...)``."""
        return self._manager.hook

    def tell(self, hook: str, **news: Any) -> None:
        """Pass news on to every plugin. One that fails is logged, and keeps them from no other.

        Args:
            hook: the name of a hook that answers nothing.
            news: what the hook takes.
        """
        if hook not in self._listeners:
            self._listeners[hook] = self._listening(hook)
        for plugin, take in self._listeners[hook]:
            try:
                take(news)
            except Exception:  # a plugin's mistake must stop neither the job nor another plugin
                from container_manager_core.log import get_logger

                job = news.get("job")
                facts = {"plugin": plugin, "job_id": str(job.id) if job else None}
                get_logger().exception("plugin.hook_failed", hook=hook, **facts)

    def executor_type(self, name: str, place: str = "executor") -> ExecutorType:
        """The executor type of that name.

        Raises:
            NotFound: nothing installed brings it.
        """
        try:
            return self.executor_types[name]
        except KeyError:
            known = ", ".join(sorted(self.executor_types))
            raise NotFound(
                place, f"no executor is called {name!r}", f"known are: {known}; or pip install container-manager-{name}"
            ) from None

    def secret_resolvers(self) -> "Mapping[str, SecretResolver]":
        """The resolvers that plugins bring, by name."""
        resolvers: dict[str, SecretResolver] = {}
        for brought in self.hook.container_manager_secret_resolvers():
            resolvers.update(brought)
        return resolvers

    def _listening(self, hook: str) -> Sequence[tuple[str, Listener]]:
        """Whose plugins take a piece of news, and what hands the news to each alone.

        A plain function is called as it is: the hook's own call costs as much as storing a job in bulk.
        """
        plugins = self._manager.get_plugins()
        listeners: list[tuple[str, Listener]] = []
        for found in reversed(getattr(self.hook, hook).get_hookimpls()):
            take = _taking(found.function, found.argnames)
            if found.wrapper or found.hookwrapper:
                alone = self._manager.subset_hook_caller(hook, plugins - {found.plugin})
                take = partial(_call_by_name, alone)
            listeners.append((self._distributions[found.plugin_name], take))
        return listeners

    def _add(self, distribution: str, plugin: Any) -> None:
        try:
            self._distributions[self._manager.register(plugin) or ""] = distribution
            types = self._manager.subset_hook_caller(
                "container_manager_executors",
                [other for other in self._manager.get_plugins() if other is not plugin],
            )()
            for executor_type in (found for brought in types for found in brought):
                if executor_type.name in self.executor_types:
                    other = self.executor_types[executor_type.name].distribution
                    raise PluginError(distribution, f"{other} brings an executor {executor_type.name!r} already")
                self.executor_types[executor_type.name] = attrs.evolve(executor_type, distribution=distribution)
        except PluginError as error:
            self._reject(plugin, error)
        except Exception as error:  # a stranger's hook must not stop the others
            self._reject(plugin, PluginError(distribution, f"it cannot be registered: {error!r}"))

    def _reject(self, plugin: Any, problem: PluginError) -> None:
        if self._manager.is_registered(plugin):
            self._manager.unregister(plugin)
        self.problems.append(problem)


def _taking(function: Callable[..., object], names: Sequence[str]) -> Listener:
    """Hands a function those of the news that it takes."""
    if len(names) < 2:
        return lambda news: function(*[news[name] for name in names])
    chosen = itemgetter(*names)
    return lambda news: function(*chosen(news))


def _call_by_name(function: Callable[..., object], news: Mapping[str, Any]) -> None:
    function(**news)


def _distribution(entry_point: "EntryPoint") -> str:
    return entry_point.dist.name if entry_point.dist is not None else entry_point.name
