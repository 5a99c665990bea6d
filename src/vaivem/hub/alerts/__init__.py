"""Alert mails: what needs a person, grouped, told once, in the member's language."""
