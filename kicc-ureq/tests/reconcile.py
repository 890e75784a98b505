#!/usr/bin/env python3
"""Compares the simulated VAN's ledger with the merchant's journal, knowing neither program's code.

    reconcile.py http://127.0.0.1:8080/ledger journal.db

Prints one line for each number on which the two disagree or at which a person must look, and then the sums.
Ends with 1 if anything is lost, doubled or wrong, else with 0.
"""

import json
import sqlite3
import sys
import urllib.request
import zlib


def read_ledger(url):
    """What stands at the VAN: (terminal, number) -> list of won, one for each charge that is not voided."""
    with urllib.request.urlopen(url, timeout=30) as reply:
        ledger = json.load(reply)
    standing = {}
    for entry in ledger["entries"]:
        charges = [charge["amount"] for charge in entry["charges"] if charge["voided"] is None]
        standing[entry["terminal"], entry["number"]] = charges
    return standing, ledger["violations"]


def decode(text):
    """A record's JSON, after its check sum was checked."""
    version, crc, body = text.split(" ", 2)
    if version != "kicc/1" or int(crc, 16) != zlib.crc32(body.encode()):
        raise ValueError("not a record of version 1, or damaged")
    return json.loads(body)


def believed(record):
    """What the record says of the customer: "charged", "not charged", "unknown" or "open"."""
    if record["stage"] == "closed":
        ending = record.get("ending")
        return "charged" if ending == "approved" else "not charged"
    if record["stage"] == "parked":
        resolution = record["parked"].get("resolution")
        if resolution is not None:
            return "charged" if resolution["charged"] else "not charged"
        return "unknown"
    return "open"


def read_journal(path):
    """(terminal, number) of each approval -> (won, what is believed of it)."""
    rows = sqlite3.connect(path).execute("SELECT terminal, number, kind, original, record FROM kicc_attempts").fetchall()
    book, refunds = {}, []
    for terminal, number, kind, original, text in rows:
        record = decode(text)
        if kind == "refund":
            refunds.append((terminal, original, record))
        else:
            book[terminal, number] = (record["amount"]["total"], believed(record))
    for terminal, original, record in refunds:
        if (terminal, original) not in book:
            continue
        won, before = book[terminal, original]
        if record["stage"] == "closed":
            after = "not charged" if record["ending"] == "refunded" else before
        else:
            after = "unknown" if record["stage"] == "parked" else "open"
        book[terminal, original] = (won, after)
    return book


def compare(standing, book):
    """Yields (class, number, sentence)."""
    for key in sorted(standing.keys() | book.keys()):
        charges = standing.get(key, [])
        won, belief = book.get(key, (None, "not charged"))
        number = key[1]
        if len(charges) > 1:
            yield "doubled", number, f"charged {len(charges)} times"
        if belief == "unknown":
            yield "person", number, "charged" if charges else "not charged"
        elif belief == "open":
            yield "wrong", number, "the journal has not come to an end"
        elif belief == "charged" and not charges:
            yield "wrong", number, "the journal says charged, and no charge stands"
        elif belief == "charged" and charges[0] != won:
            yield "wrong", number, f"{charges[0]} won charged, the journal says {won}"
        elif belief == "not charged" and charges:
            yield "lost", number, f"{sum(charges)} won charged, the journal says not"


def main(ledger_url, journal):
    standing, violations = read_ledger(ledger_url)
    count = {"lost": 0, "doubled": 0, "wrong": 0, "person": 0}
    for what, number, sentence in compare(standing, read_journal(journal)):
        count[what] += 1
        print(f"{number}: {'for a person' if what == 'person' else what}: {sentence}")
    for violation in violations:
        count["wrong"] += 1
        print(f"wrong: {violation}")
    print("{lost} lost, {doubled} doubled, {wrong} wrong, {person} for a person".format(**count))
    return 1 if count["lost"] + count["doubled"] + count["wrong"] else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
