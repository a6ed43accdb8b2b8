"""The incident dispatch's dialect: XML documents posted to one address."""
