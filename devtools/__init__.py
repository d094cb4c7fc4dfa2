"""Programs for developers: the local stack, the simulated provider, costs and scans."""
