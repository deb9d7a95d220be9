from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    """Draw every form with our own templates."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
