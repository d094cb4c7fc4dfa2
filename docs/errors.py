"""Write docs/errors.md from the table in longcode.telnyx.error_codes: `python docs/errors.py`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent / "layers/longcode/python"))

from longcode.domain.outcomes import Responsible  # noqa: E402
from longcode.telnyx import error_codes  # noqa: E402 (run as a script, it has to find the layer first)

PAGE = HERE / "errors.md"

_HEAD = """\
# What went wrong, and what to do

<!-- Made by docs/errors.py from longcode/telnyx/error_codes.py: change the table there, not this page. -->

A text that did not arrive says why in `errors[]` of `GET /sms/status/{id}`, in its `history`, in `provider` of a
refused `POST /sms/send`, and in a row of `POST /sms/queue/process`. `code`, `title` and `detail` are the
provider's own words, or ours where the provider had none; `explanation` is the row of this page:

```json
{"code": "40001", "title": "Not routable", "detail": "The destination is a landline.",
 "explanation": {
   "meaning": "%(meaning)s",
   "whose": "%(whose)s",
   "resend": "%(resend)s",
   "next": "%(next)s"}}
```

| `resend` | Whether sending the text again can help |
|---|---|
| `no` | no: it would fail again, or be a second copy |
| `later` | yes, when some time has passed |
| `after_change` | yes, when what is named was changed |

A text that the provider took and did not deliver is never sent again by this service. A resend is a new message,
with an id of its own, and a decision of yours. The codes of refused requests to this API, such as
`recipient_queue_full`, are in [api.md](api.md#errors).
"""

_SECTIONS: dict[Responsible, tuple[str, str]] = {
    "recipient": ("The recipient", "The number, or the phone and the network behind it."),
    "content": ("The text", "What it says, or how long it is."),
    "sender": ("Our number", "The number, its messaging profile, its registration and its rate."),
    "account": (
        "The account",
        "The key, the funds, the permissions. The same for every text, so sending stops until it is fixed.",
    ),
    "provider": ("The provider", "Telnyx, or the way to it."),
    "service": ("This service", "Faults of our own, and what its settings bring about."),
}


def page() -> str:
    """The whole page."""
    example = error_codes.CODES["40001"]
    parts = [
        _HEAD
        % {
            "meaning": example.meaning,
            "whose": example.responsible,
            "resend": example.resend,
            "next": example.next_step,
        }
    ]
    for whose, (title, what) in _SECTIONS.items():
        parts += [
            f'\n## {title}\n\n`"whose": "{whose}"`. {what}\n',
            "\n| Code | What it means | Resend | What to do |\n|---|---|---|---|\n",
        ]
        parts += [
            f"| {codes} | {found.meaning} | `{found.resend}` | {found.next_step} |\n"
            for codes, found in error_codes.rows()
            if found.responsible == whose
        ]
    return "".join(parts)


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
