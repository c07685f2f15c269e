"""The browser page of the board, on NiceGUI: everything that it needs comes with the package."""
