"""The OpenAPI document of the API, and the pages that are made from it."""
