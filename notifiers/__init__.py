"""How a person is reached: contact policy, templates and one folder per channel."""
