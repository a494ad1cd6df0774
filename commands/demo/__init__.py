"""`renrakumo demo`: a made-up city, its story in the terminal, and the demo page."""
