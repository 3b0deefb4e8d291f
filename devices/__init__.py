"""What a device says: events, their codec and the decoders of payload formats. Pure."""
