"""Journeys: the flows of the house from end to end, through its doors."""
