"""What a request says about quiet hours: what kind of text it is, whether it keeps them, and where."""

from dataclasses import dataclass
from typing import Literal

from longcode.domain.errors import InvalidRequest

type Category = Literal["transactional", "marketing"]

FIELDS = frozenset(("category", "respect_quiet_hours", "timezone"))
# No zone's name is longer; nothing that is gets into an answer.
_MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class QuietRequest:
    """The fields of it; None or "": not said."""

    category: Category | None = None
    respect: bool | None = None
    timezone: str = ""

    @property
    def kept(self) -> bool:
        """Whether the text is to keep quiet hours."""
        return self.category == "marketing" if self.respect is None else self.respect

    @property
    def asked(self) -> dict[str, object]:
        """What of it was said, as a part of what makes two requests the same one."""
        found = {
            "category": self.category,
            "respect_quiet_hours": self.respect,
            "timezone": self.timezone or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def zones(self, recipient: str) -> tuple[str, ...]:
        """The zones that the recipient may be in. Raises InvalidRequest if they are not known."""
        if self.timezone:
            return (self.timezone,)
        from longcode.domain import zones

        found = zones.of_number(recipient)
        if not found:
            raise InvalidRequest(
                "The time zone of 'to' is not known, and the text keeps quiet hours: give 'timezone'.",
                field="timezone",
            )
        return found


NOT_SAID = QuietRequest()


def parse_quiet(fields: dict[str, object]) -> QuietRequest:
    """Read `category`, `respect_quiet_hours` and `timezone`. Raises InvalidRequest that names the field."""
    respect = fields.get("respect_quiet_hours")
    if respect is not None and not isinstance(respect, bool):
        raise InvalidRequest("'respect_quiet_hours' must be true or false.", field="respect_quiet_hours")
    return QuietRequest(_category(fields.get("category")), respect, _timezone(fields.get("timezone")))


def _category(value: object) -> Category | None:
    if value is None:
        return None
    if value == "transactional":
        return "transactional"
    if value == "marketing":
        return "marketing"
    raise InvalidRequest("'category' must be transactional or marketing.", field="category")


def _timezone(value: object) -> str:
    if value is None:
        return ""
    from longcode.domain import zones

    if not isinstance(value, str) or not zones.is_zone(value):
        given = value if isinstance(value, str) and len(value) <= _MAX_NAME and value.isprintable() else None
        raise InvalidRequest(
            "'timezone' must be the IANA name of a time zone, as America/New_York.", field="timezone", given=given
        )
    return value
