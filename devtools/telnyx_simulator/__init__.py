"""A simulated Telnyx: it signs, delays, doubles, reorders, loses and refuses as the provider does."""

# Written from the provider's published facts (OpenAPI document, SDK 4.189.0, error and webhook pages)
# and from nothing of the service it is used to test, so that the two cannot share a mistake.
