"""Local stand-ins for FCM, Twilio and a mail server, speaking their real wire protocols."""
