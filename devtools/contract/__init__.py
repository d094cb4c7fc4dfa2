"""Tries the API of a local stack by its OpenAPI document: random requests, good and bad, and what is answered."""
