"""Every setting, declared once. `load` reads them; a name or value that is not understood stops the program."""

from cobalt_link.settings.settings import DECLARED, NAMES, Setting, Settings, SettingsError, load

__all__ = ["DECLARED", "NAMES", "Setting", "Settings", "SettingsError", "load"]
