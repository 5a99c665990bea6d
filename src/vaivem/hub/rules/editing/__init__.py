"""The editor: a rule's draft as a form, and back."""
