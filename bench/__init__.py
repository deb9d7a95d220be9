"""How fast DocPort is, measured against a floor of the same run."""
