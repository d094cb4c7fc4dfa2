"""The console of a local stack, in the browser: a handset, the way of each text, the dashboard, the API."""
