"""The live platform: broker, field and city as processes of one supervisor."""
