"""The commands of the command line, one module each; ``gateway.cli`` names them."""
