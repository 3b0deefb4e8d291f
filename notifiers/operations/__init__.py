"""The operations team's own channels (chat, pager, mail), by apprise. Not for customers: no policy, no templates."""
