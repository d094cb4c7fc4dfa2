"""Parameters that the template's patterns let through and that no function would start with."""

import re
from collections.abc import Mapping

from longcode.domain.errors import ConfigurationError
from longcode.entrypoints.config import Settings
from longcode_cli import template


def refused(values: Mapping[str, str], before: Mapping[str, str]) -> str | None:
    """What is wrong with `values`, in one sentence with the parameters' names; None if nothing is.

    What was wrong with those that the stack has, `before`, is not said again: they may be put right one by one.
    """
    already = _problems(before)
    found = [problem for problem in _problems({**before, **values}) if problem not in already]
    return f"{'; '.join(found)}." if found else None


def _problems(values: Mapping[str, str]) -> list[str]:
    """What the functions would say of these settings. A parameter that is not given has its default."""
    known = {**template.defaults(), **values}
    names = {variable: name for variable, name in template.variables().items() if name in known}
    try:
        Settings.from_env({variable: known[name] for variable, name in names.items()})
    except ConfigurationError as exc:
        # What the template takes from elsewhere, as a table's name, is missing here.
        ours = [problem for problem in exc.problems if problem.split()[0] in names]
        return [re.sub(r"[A-Z][A-Z_]+", lambda word: names.get(word[0], word[0]), problem) for problem in ours]
    return []
