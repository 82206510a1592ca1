"""Names, which are compared to the letter: MySQL and MariaDB compare text loosely unless they are told otherwise."""

from typing import TYPE_CHECKING, Any, TypeVar

from django.core.checks import CheckMessage
from django.db import models
from django.db.models import lookups

_LOOSE = "utf8mb4_general_ci"
_MOST_INDEXED = 768
"""Characters of an InnoDB key, which has 3072 bytes."""

if TYPE_CHECKING:
    # Django's fields take the types of their values for the type checker alone.
    Given = TypeVar("Given", contravariant=True)
    Got = TypeVar("Got", covariant=True)

    class ExactCharField(models.CharField[Given, Got]):
        """The same with these types."""
else:

    class ExactCharField(models.CharField):
        """A text of which ``a`` and ``A`` are two, also on databases that take them for one."""

        def db_parameters(self, connection: Any) -> Any:
            parameters = super().db_parameters(connection)
            if connection.vendor == "mysql":
                exact = "utf8mb4_nopad_bin" if connection.mysql_is_mariadb else "utf8mb4_0900_bin"
                return {**parameters, "collation": exact}
            return parameters

        def check(self, **options: Any) -> list[CheckMessage]:
            """Django's warning of long unique texts on MySQL is about the keys of before version 5.7."""
            fits = (self.max_length or 0) <= _MOST_INDEXED
            return [found for found in super().check(**options) if not (fits and found.id == "mysql.W003")]


class _AnyCase(lookups.BuiltinLookup):
    """A search that is not exact is not so there either."""

    def process_lhs(self, compiler: Any, connection: Any, lhs: Any = None) -> tuple[str, Any]:
        statement, values = super().process_lhs(compiler, connection, lhs)
        return (f"{statement} COLLATE {_LOOSE}" if connection.vendor == "mysql" else statement), values


@ExactCharField.register_lookup
class _AnyCaseContains(_AnyCase, lookups.IContains):
    pass


@ExactCharField.register_lookup
class _AnyCaseExact(_AnyCase, lookups.IExact):
    pass


@ExactCharField.register_lookup
class _AnyCaseStartsWith(_AnyCase, lookups.IStartsWith):
    pass
