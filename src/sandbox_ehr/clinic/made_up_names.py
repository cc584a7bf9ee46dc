"""Everyday names for the many patients whose names need not test anything. The odd ones are in made_up_patients."""

from sandbox_ehr.clinic.seeded_choice import number, pick

WOMEN = (
    *("Abigail", "Adele", "Alma", "Amelia", "Anita", "Bianca", "Carmen", "Celeste", "Clara", "Daniela", "Deborah"),
    *("Elaine", "Esther", "Faith", "Fiona", "Gloria", "Hannah", "Helen", "Irene", "Jasmine", "Joan", "Judith", "Karen"),
    *("Laura", "Leah", "Lucia", "Lydia", "Marta", "Miriam", "Nadia", "Olivia", "Paula", "Rebecca", "Rosa", "Sofia"),
    *("Teresa", "Vera", "Yolanda"),
)
MEN = (
    *("Aaron", "Albert", "Andre", "Arthur", "Bruno", "Calvin", "Carlos", "Daniel", "Dennis", "Edwin", "Felix", "Frank"),
    *("George", "Gustavo", "Henry", "Hugo", "Isaac", "Jamal", "Jonas", "Julian", "Keith", "Lionel", "Luis", "Malik"),
    *("Martin", "Nathan", "Oscar", "Peter", "Quentin", "Ramon", "Samuel", "Stefan", "Terrence", "Victor", "Wesley"),
)
FAMILIES = (
    *("Abbott", "Alvarado", "Archer", "Bauer", "Beckett", "Benson", "Bianchi", "Blake", "Brennan", "Calderon", "Chen"),
    *(
        "Coleman",
        "Cortez",
        "Dalton",
        "Delgado",
        "Dixon",
        "Ellis",
        "Erickson",
        "Farrell",
        "Figueroa",
        "Fleming",
        "Foster",
    ),
    *("Gibbs", "Goldberg", "Grant", "Griffin", "Haley", "Hansen", "Holloway", "Hughes", "Ingram", "Iyer", "Jensen"),
    *("Kaplan", "Keller", "Kim", "Lambert", "Larsen", "Lopez", "Maldonado", "Marsh", "McBride", "Medina", "Moreau"),
    *("Nash", "Nguyen", "Ochoa", "Okafor", "Olsen", "Osborne", "Park", "Patel", "Pereira", "Quinn", "Ramsey", "Reyes"),
    *("Rhodes", "Sandoval", "Schmidt", "Shah", "Silva", "Sutton", "Tran", "Underwood", "Valdez", "Vaughn", "Wagner"),
    *("Walsh", "Wheeler", "Xiong", "Yates", "Zamora", "Ziegler"),
)


def lines(count: int) -> list[str]:
    """That many patients, written like those of made_up_patients: first|middle|last|sex|birth year|language."""
    made: dict[str, str] = {}
    place = 0
    while len(made) < count:
        sex = pick("FM", place, "sex")
        first, last = pick(WOMEN if sex == "F" else MEN, place, "first"), pick(FAMILIES, place, "last")
        middle = pick("ABCDEJLMRST", place, "middle") + "." if not number(3, place, "has middle") else ""
        language = pick(("English",) * 8 + ("Spanish",), place, "language")
        # A name that came before is left out: two people of one name are among the odd ones.
        made.setdefault(
            f"{first} {last}", f"{first}|{middle}|{last}|{sex}|{1932 + number(90, place, 'born')}|{language}"
        )
        place += 1
    return list(made.values())
