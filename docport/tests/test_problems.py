from django import forms
from django.core.exceptions import ValidationError
from django.template import Context
from django.template.loader import render_to_string

from docport.templatetags.problems import Problem, page_problems, problems


class VisitForm(forms.Form):
    minutes = forms.IntegerField(label="Minutes", help_text="Of one visit")
    days = forms.MultipleChoiceField(
        label="Days", choices=[("0", "Monday")], widget=forms.CheckboxSelectMultiple
    )
    note = forms.CharField(label="Note", required=False)

    def clean(self) -> None:
        if self.cleaned_data.get("minutes") == 0:
            raise ValidationError("A visit takes time.")


VisitFormSet = forms.formset_factory(VisitForm, min_num=1, validate_min=True, extra=0)


def test_form_that_nobody_sent_has_no_problems() -> None:
    assert problems(VisitForm()) == []
    assert problems(None) == []


def test_each_problem_names_its_field_and_leads_to_it() -> None:
    assert problems(VisitForm({})) == [
        Problem("Minutes: This field is required.", "id_minutes"),
        Problem("Days: This field is required.", "id_days_0"),
    ]


def test_message_that_names_its_field_is_left_as_it_is() -> None:
    form = VisitForm({"minutes": "5", "days": ["0"]})
    form.add_error("minutes", "Give the minutes as a multiple of 5.")

    assert problems(form) == [Problem("Give the minutes as a multiple of 5.", "id_minutes")]


def test_problem_of_the_whole_form_leads_nowhere() -> None:
    assert problems(VisitForm({"minutes": "0", "days": ["0"]})) == [Problem("A visit takes time.")]


def test_formsets_and_lists_of_forms_are_looked_through() -> None:
    formset = VisitFormSet({"form-TOTAL_FORMS": "0", "form-INITIAL_FORMS": "0"})

    found = problems([formset, VisitForm({"minutes": "5"})])

    assert [problem.text for problem in found] == [
        "Please submit at least 1 form.",
        "Days: This field is required.",
    ]


def test_pages_forms_come_before_its_form() -> None:
    sent = VisitForm({"minutes": "0", "days": ["0"]})

    assert page_problems(Context({"forms": [sent], "form": VisitForm()})) == problems(sent)
    assert page_problems(Context({"form": sent})) == problems(sent)
    assert page_problems(Context({})) == []


def test_fields_tie_hint_and_error_to_their_control() -> None:
    page = " ".join(VisitForm({}).render().split())

    assert 'aria-describedby="id_minutes_helptext id_minutes_error"' in page
    assert 'id="id_minutes_helptext"' in page
    assert 'id="id_minutes_error"' in page
    assert '<fieldset class="field field-invalid" aria-describedby="id_days_error">' in page
    assert 'Note <span class="optional">(optional)</span>' in page


def test_summary_stays_away_while_there_is_no_problem() -> None:
    page = render_to_string("components/error_summary.html", {"form": VisitForm()})

    assert page.strip() == ""
