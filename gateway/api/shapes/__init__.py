"""What the API takes and gives, as people write it: checked shapes with examples."""
