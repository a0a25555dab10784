"""From a vendor's template to ours."""


def read_template(text: str, placeholder: str) -> str:
    """A template with a vendor's placeholder for the code, such as `<PIN>` or `%token`, as ours.

    Braces mean nothing to vendors, so they are written twice.
    """
    return text.replace("{", "{{").replace("}", "}}").replace(placeholder, "{code}")
