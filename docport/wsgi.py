"""The web application, as gunicorn serves it."""

import importlib
import os

from django.core.wsgi import get_wsgi_application

from docport import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docport.settings")
# Settings name the services, so these come first.
embedded.start_services()
# Pages wake tasks, which needs the Celery app that knows the broker.
importlib.import_module("docport.celery")

application = get_wsgi_application()
