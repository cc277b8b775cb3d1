"""Reports the end of jobs to webhooks."""
