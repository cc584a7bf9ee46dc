"""Every setting, declared once. `load` reads them. An unknown name or an invalid value stops the program."""

from cobalt_link.settings.settings import DECLARED, NAMES, Setting, Settings, SettingsError, load

__all__ = ["DECLARED", "NAMES", "Setting", "Settings", "SettingsError", "load"]
