"""The message gateway's dialect: forms, and delivery reports line by line."""
