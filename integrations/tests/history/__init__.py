"""A history of many insurers and a doctor at once, and what must be true after it."""
