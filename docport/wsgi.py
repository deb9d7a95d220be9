"""The web application, as gunicorn serves it."""

import os

from django.core.wsgi import get_wsgi_application

from docport import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docport.settings")
# Settings name the services, so these come first.
embedded.start_services()

application = get_wsgi_application()
