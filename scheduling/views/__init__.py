"""The pages on hours, the calendar, appointments, and on withdrawing from an insurer."""
