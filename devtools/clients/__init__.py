"""Clients that are generated from the OpenAPI document, each sending a text to a local stack."""
