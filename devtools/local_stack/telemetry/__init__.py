"""What CloudWatch makes of this service's numbers, worked out on this machine."""

# The dashboard, the alarms and the saved queries of `operations/template.yaml` are read as they are deployed, and
# given the local stack's own log lines and queues. It imports nothing of the service: what counts is what it
# wrote.
