"""The alias of each function."""

# A published version never changes. The alias moves to another one when the parameter `Release` has another value.

# What calls a function calls this alias of it, as template.yaml has it.
ALIAS = "live"


def alias_of(function: str) -> str:
    """The name by which a function is called: with its alias."""
    return f"{function}:{ALIAS}"
