"""DocPort: settings, root URLs, Celery app, and what mixes the apps."""
