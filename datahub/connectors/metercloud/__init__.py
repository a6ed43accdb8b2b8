"""The meter cloud's dialect: readings as JSON over REST, pulled page by page behind a token that expires."""
