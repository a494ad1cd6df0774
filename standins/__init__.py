"""Loopback stand-ins that speak providers' real protocols, as processes of their own."""
