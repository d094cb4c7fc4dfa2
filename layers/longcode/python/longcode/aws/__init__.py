"""The ports' adapters over AWS."""
