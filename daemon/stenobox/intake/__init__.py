"""How recordings come in. Each way ends in the same promise: accepted means durable."""
