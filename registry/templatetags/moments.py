from datetime import datetime

from django import template
from django.utils.html import format_html

from registry.wording import full_moment, twelve_hours

register = template.Library()


@register.filter(expects_localtime=True)
def clock(at: datetime) -> str:
    """Give the time of day in the zone of the page, such as `9:30am`."""
    return twelve_hours(at)


@register.filter(expects_localtime=True)
def moment_words(at: datetime) -> str:
    """Give day and time in the zone of the page, such as `Tuesday 24 November 2026, 9am`."""
    return full_moment(at)


@register.filter(expects_localtime=True)
def moment(at: datetime) -> str:
    """Give day and time in the zone of the page, with what machines read of it."""
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), full_moment(at))
