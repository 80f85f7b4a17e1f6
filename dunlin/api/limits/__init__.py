"""What one document, one operation and one token may cost."""
