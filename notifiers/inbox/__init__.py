"""Messages for the inbox of the customer's own app, kept here and fetched over the API."""
