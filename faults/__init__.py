"""What DocPort keeps when its parts fail: faults on purpose, a history of each, and a judge."""
