"""The lamp cloud's dialect: events as JSON, posted to us with a signature, and orders posted to it."""
