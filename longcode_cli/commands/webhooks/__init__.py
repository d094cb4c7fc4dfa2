"""`longcode webhooks`: which events are delivered to which URLs of yours."""
