"""What the tests of the documentation share: its blocks of code, its built site, a browser."""
