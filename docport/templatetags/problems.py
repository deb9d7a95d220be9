from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from django import template
from django.forms import BaseForm, BoundField
from django.forms.formsets import BaseFormSet

register = template.Library()

# One form, one formset, or a list of both, as a view has them at hand.
Forms: TypeAlias = "BaseForm | BaseFormSet[BaseForm] | Iterable[Forms] | None"


@dataclass(frozen=True)
class Problem:
    """One line of the error summary; `target` is the id of what to put right, if there is one."""

    text: str
    target: str = ""


@register.simple_tag(takes_context=True)
def page_problems(context: template.Context) -> list[Problem]:
    """List what is wrong in the page's `forms`, or else in its `form`."""
    return problems(context.get("forms") or context.get("form"))


def problems(forms: Forms) -> list[Problem]:
    """List what is wrong in a form, a formset or a list of both; nothing gives nothing."""
    if not forms:
        return []
    if isinstance(forms, BaseFormSet):
        of_the_whole = [Problem(str(text)) for text in forms.non_form_errors()]
        return of_the_whole + [problem for form in forms.forms for problem in problems(form)]
    if isinstance(forms, BaseForm):
        return _problems_of(forms)
    return [problem for form in forms for problem in problems(form)]


def _problems_of(form: BaseForm) -> list[Problem]:
    if not form.is_bound:
        return []
    of_the_whole = [Problem(str(text)) for text in form.non_field_errors()]
    return of_the_whole + [
        Problem(_named(str(text), field), _target(field)) for field in form for text in field.errors
    ]


def _named(text: str, field: BoundField) -> str:
    """Say which field is meant, since Django's own messages do not."""
    label = str(field.label)
    return text if label.lower() in text.lower() else f"{label}: {text}"


def _target(field: BoundField) -> str:
    """Give the id of the first control; a group of choices or of inputs has no id of its own."""
    return f"{field.auto_id}_0" if field.use_fieldset else str(field.auto_id)
