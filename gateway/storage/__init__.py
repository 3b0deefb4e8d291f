"""PostgreSQL: one module per noun, and the migrations."""
