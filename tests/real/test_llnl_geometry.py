"""The real heart's recording sites: names in the order of the voltages' columns."""

from cardiax.leads import SITE_NAMES


def test_site_names_are_those_of_the_real_table(real_data):
    lines = (real_data / "llnl_geometry" / "points.csv").read_text().splitlines()[1:]
    assert tuple(line.split(",")[3].strip("'") for line in lines if line.strip()) == SITE_NAMES
