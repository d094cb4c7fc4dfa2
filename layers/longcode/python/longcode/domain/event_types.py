"""The types of the events that are published for the user's own systems: docs/events.md."""

STATUS_CHANGED = "sms.status_changed"
RECEIVED = "sms.received"
OPTED_OUT = "sms.opted_out"
UNCLEAR = "sms.opt_out_unclear"
PAUSED = "sms.paused"

# Every one, in the order of the page. A test compares them.
EVENT_TYPES = (STATUS_CHANGED, RECEIVED, UNCLEAR, OPTED_OUT, PAUSED)
