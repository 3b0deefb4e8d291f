"""How long what is recorded is kept; and what is done when somebody asks for it, or for its end."""
