"""Use of services: every system that handles data for us. Promises that nothing is sent without a purpose that stands that moment."""
