"""People on foot and the phones in their pockets. Pure: time and randomness are passed in."""
