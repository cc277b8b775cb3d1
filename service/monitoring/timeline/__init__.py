"""What a model answered over time: sums of its logged answers in equal stretches of time."""
