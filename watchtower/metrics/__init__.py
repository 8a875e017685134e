"""What is measured of a tower that runs, for Prometheus and whoever reads its format."""
