"""The survey: a city's declarations made into the register that both sides know (``city.load_city``)."""
