"""What a server measures about itself and its models: metrics, drift, events, timelines."""
