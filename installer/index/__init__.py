"""The bundle format: names, SHA256SUMS and bundle.json. Both sides read it from here."""
