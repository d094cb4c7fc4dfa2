"""The documentation as a site: the pages of docs/, built by Zensical into .local/site."""
