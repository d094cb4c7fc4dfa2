"""What CloudWatch makes of this service's numbers, worked out on this machine."""

# The dashboard, the alarms and the saved queries of `operations/template.yaml` are read as they are deployed, and
# given the local stack's own log lines and queues. It imports nothing of the service: what counts is what it
# wrote.

import os

from devtools.local_stack.layout import ROOT

# Where matplotlib keeps its list of the machine's fonts; it has to know before it is imported.
os.environ.setdefault("MPLCONFIGDIR", str(ROOT / ".local" / "matplotlib"))
