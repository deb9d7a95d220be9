"""The web application, as gunicorn serves it."""

import os

from docport import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docport.settings")
embedded.start_services()

from django.core.wsgi import get_wsgi_application  # noqa: E402  Settings need the services.

# Pages wake tasks, which needs the Celery app that knows the broker.
from docport import celery as celery  # noqa: E402, PLC0414

application = get_wsgi_application()

from docport.checks import before_serving  # noqa: E402  Checks need the apps.

before_serving()
