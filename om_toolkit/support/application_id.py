"""The application id in the header of an archive's SQLite file, by which archives are recognised."""

from typing import Final

APPLICATION_ID: Final = 0x6F6D746B  # "omtk"
