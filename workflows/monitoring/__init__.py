"""What is measured after deployment."""
