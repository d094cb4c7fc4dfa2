"""What this service costs: the calls that one text makes, counted, times prices with a date."""
