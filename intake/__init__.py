"""The other ways in: mail that reaches us over SMTP."""
