"""The alias of each function, and what a release of them is called.

A published version never changes. The alias moves to another one when the parameter `Release` has another value.
"""

# What calls a function calls this alias of it, as template.yaml has it.
ALIAS = "live"
# So many characters of a release's name SAM puts into the logical id of a version: the rest makes no difference.
COUNTS = 10


def alias_of(function: str) -> str:
    """The name by which a function is called: with its alias."""
    return f"{function}:{ALIAS}"
