"""How often a proof is repeated: a count for every landing, and the full size that the promises ask for.

COBALT_PROOF=nightly chooses the full size; `make nightly` sets it. A test that repeats something takes its number here.
"""

import os
from typing import NamedTuple

SIZES = ("landing", "nightly")
SIZE = os.environ.get("COBALT_PROOF") or "landing"
if SIZE not in SIZES:
    raise RuntimeError(f"COBALT_PROOF is {SIZE!r}. Use one of: {', '.join(SIZES)}.")


class Proof(NamedTuple):
    """The two counts, and why the smaller one is enough before a landing."""

    landing: int
    nightly: int
    enough: str

    @property
    def times(self) -> int:
        return getattr(self, SIZE)


# Tokens and keys. S-045, S-050, S-051, S-055 and S-056 give the full sizes.
RANDOM_STRINGS = Proof(1_000_000, 10_000_000, "Finds a checksum of three characters or fewer, where it accepts four.")
EDITED_TOKENS = Proof(1_000, 1_000, "A hundred edits of each; all of it takes three seconds.")
MISTYPED_TOKENS = Proof(100, 200, "A hundred edits of each: 10,000 tries per kind meet every character of a token.")
MINTED_TOKENS = Proof(10_000, 100_000, "Each of the 62 digits is seen 7,000 times, enough to show a bias of 5 %.")
SEALS = Proof(100_000, 1_000_000, "Finds a nonce of 32 random bits or fewer, and a counter that starts anew.")
SWAPS = Proof(5_000, 5_000, "Two tries each make the 10,000 of the promise; they take a second.")
SWAPPED_ROWS = Proof(3, 11, "Three rows of each sealed column: other row, other column, other app, other environment.")
RESTORED_ORGS = Proof(2, 20, "Each sealed column has two values at least.")
CIPHERTEXTS = Proof(50, 100, "Every bit of 50 values for each algorithm: no bit of the layout is left out.")
NEW_IDS = Proof(10_000, 1_000_000, "Finds ids of 25 random bits or fewer.")
OAUTH_REQUESTS = Proof(1_000, 100_000, "Finds verifiers and nonces of 20 random bits or fewer.")
SHORT_REFERENCES = Proof(2_000, 2_000, "Every letter comes up. Many more would meet by chance: they have 40 bits.")
SEALED_ANSWERS = Proof(1_000, 10_000, "Finds a key or nonce that is used again within a process.")

# One winner, no loss, whatever dies. S-002, S-010 to S-014, S-046, S-054, S-094 to S-096 and S-100 give the full sizes.
TOKEN_SEQUENCES = Proof(150, 1_000, "Each outcome (used, used again, replaced, late) comes up dozens of times.")
HTTP_SEQUENCES = Proof(12, 200, "The same model over HTTP, which adds only the reading of requests.")
RACES = Proof(7, 200, "32 contenders in each: an exchange that does not lock has two winners in most rounds.")
EXCHANGE_KILLS = Proof(12, 500, "Kills are spread over the 30 ms of an exchange; the test asks that answers were lost.")
RENEWAL_ROUNDS = Proof(8, 1_000, "64 calls in each: without the lease every round signs in several times.")
RENEWAL_KILLS = Proof(2, 100, "Both moments that matter are held on purpose, so that no luck is needed.")
RANDOM_KILLS = Proof(4, 200, "Those held on purpose meet the two moments that matter; these meet the others.")
ANSWERED_WRITES = Proof(1_000, 1_000, "The full size of S-095 takes two seconds.")
STOPPED_HOLDERS = Proof(3, 200, "The holder is stopped at the moment that matters, so that no luck is needed.")
DISK_KILLS = Proof(4, 500, "Four writers lose their server in each: 64 inserts are cut off under way.")
DATABASE_RESTARTS = Proof(3, 30, "Eight callers are in mid-write at each; the full size takes five minutes (S-101).")
PROGRAM_DEATHS = Proof(1, 100, "One story kills every program at least once, eight kills in all.")
MIGRATION_KILLS = Proof(10, 20, "The kills are spread over the whole migration, which goes on from where each one hit.")
REWRAPPED_KEYS = Proof(5_000, 100_000, "Ten batches, five of which are killed.")
REWRAP_KILLS = Proof(5, 20, "Each is held within a batch on purpose, so that no luck is needed.")
ISSUED_TOKENS = Proof(200, 1_000, "Every kind of token on its usual way, and a page of rows of the largest table.")
HASH_KEYS = Proof(2, 3, "One earlier key is enough to miss whatever looks up by the current key alone.")
OLD_TOKEN_CALLS = Proof(100, 1_000, "Each server is asked 25 times after a rotation that another one answered.")
ROTATED_TOKEN_CALLS = Proof(40, 334, "Three tokens are tried in each, from another process's connections.")
RANDOM_WALKS = Proof(20, 720, "280 steps reach every state; the nightly 10,000 reach their rare orders (S-144).")

FHIR_EXAMPLES = Proof(400, 5_306, "Every type is among them; the full corpus takes half a minute.")

# Many clients at once. S-147.
SILENT_CONNECTIONS = Proof(1_100, 9_000, "More than the 1,024 that were an outage. Half of them have to make room.")

# What time tells. S-048 gives the full size.
TIMING_SAMPLES = Proof(4_000, 100_000, "Finds a comparison that ends 40 ns earlier, which a tenth of a microsecond is.")

# Anything that a stranger may send. S-004, S-121, S-145 and S-146 give the full sizes.
PROPERTY_EXAMPLES = Proof(200, 5_000, "Hypothesis tries the edges first and searches at random afterwards.")
TIMED_CALLS = Proof(250, 500, "A median of 250 calls is steady to a tenth of the 2 ms that are allowed.")
REFUSED_CALLS = Proof(3, 300, "Besides a call for each refusal that is known by name, three of each route.")
HOSTILE_IDS = Proof(10, 3_000, "Besides 90 that are known to break things.")
FUZZED_SAMPLE = Proof(5, 200, "The sample has one route of every kind; schemathesis tries the edges first.")
FUZZED_APP = Proof(12, 200, "A sample of each operation; the edges of every parameter take ten minutes.")
FUZZED_SECONDS = Proof(1, 600, "What crashes a reader at all mostly does so within a few hundred edited inputs.")
FUZZED_LENGTH = Proof(16_384, 65_536, "Bytes: what takes quadratic time takes over a second here too.")
RUNS_OF_ATTACKS = Proof(1, 50, "All 100 attacks reach every text at either size; more runs tell which one worked.")

# Webhooks. S-065, S-071 and S-072 give the full sizes.
SIGNED_PAYLOADS = Proof(300, 1_000, "Each has up to 40 random values: every kind of value and character comes up.")
DELIVERED_EVENTS = Proof(400, 10_000, "Each kill meets dozens of deliveries under way, and many that wait.")
DELIVERY_KILLS = Proof(4, 50, "A kill is sent while deliveries are under way, so that no luck is needed.")

# Writes. S-083, S-084, S-086 and S-090 give the full sizes.
WRITE_KILLS = Proof(6, 500, "The named steps are held on purpose, so that no luck is needed; these meet the others.")
JOBS_UNDER_FIRE = Proof(60, 10_000, "A worker dies every 0.6 s; the test asks that jobs were met by it.")
SECONDS_UNDER_FIRE = Proof(3, 60, "Five kills, while three other workers go on.")
STOPPED_WRITERS = Proof(1, 200, "The worker is stopped at the moment that matters, so that no luck is needed.")
POISON_WRITES = Proof(3, 100, "Among ten times as many others; each poison is counted, so that no luck is needed.")
QUEUED_WRITES = Proof(
    150, 10_000, "Ten at once and 0.4 s each, they are 6 s of work. One that comes in turn waits 0.4 s."
)
