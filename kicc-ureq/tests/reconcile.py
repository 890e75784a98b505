#!/usr/bin/env python3
"""Compares the simulated VAN's ledger with the merchant's journal, knowing neither program's code.

    reconcile.py http://127.0.0.1:8080/ledger journal.db

Prints one line for each number on which the two disagree or at which a person must look, then the sums of each product
and of all. Ends with 1 if anything is lost, doubled or wrong, else with 0.

The VAN knows a terminal and a number, and the journal their product too: a terminal is of one product.
"""

import json
import sqlite3
import sys
import urllib.request
import zlib
from collections import Counter

PRODUCTS = ["simple", "easytalk", "iamport"]


def read_ledger(url):
    """What stands at the VAN: (terminal, number) -> list of won, one for each charge that is not voided; less what was
    given back of it."""
    with urllib.request.urlopen(url, timeout=30) as reply:
        ledger = json.load(reply)
    standing = {}
    for entry in ledger["entries"]:
        standing_charges = [charge for charge in entry["charges"] if charge["voided"] is None]
        charges = [charge["amount"] - charge["refunded"] for charge in standing_charges]
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
    """(terminal, number) of each approval -> (won, what is believed of it); and terminal -> product."""
    columns = "product, terminal, number, kind, original, record"
    rows = sqlite3.connect(path).execute(f"SELECT {columns} FROM kicc_attempts").fetchall()
    book, refunds, products = {}, [], {}
    for product, terminal, number, kind, original, text in rows:
        record = decode(text)
        if product not in PRODUCTS or list(record["origin"]["payload"]) != [product]:
            raise ValueError(f"{number}: the record is not of the product {product}")
        if products.setdefault(terminal, product) != product:
            raise ValueError(f"{terminal}: a terminal of two products")
        if kind == "refund":
            refunds.append((terminal, original, record))
        else:
            book[terminal, number] = (record["origin"]["amount"]["total"], believed(record))
    for terminal, original, record in refunds:
        if (terminal, original) not in book:
            continue
        won, before = book[terminal, original]
        if record["stage"] == "closed" and "part" in record["origin"]:
            won -= record["origin"]["amount"]["total"] if record.get("ending") == "refunded" else 0
            after = before if won else "not charged"
        elif record["stage"] == "closed":
            after = "not charged" if record["ending"] == "refunded" else before
        else:
            after = "unknown" if record["stage"] == "parked" else "open"
        book[terminal, original] = (won, after)
    return book, products


def compare(standing, book):
    """Yields (class, terminal, number, sentence)."""
    for key in sorted(standing.keys() | book.keys()):
        charges = standing.get(key, [])
        won, belief = book.get(key, (None, "not charged"))
        if len(charges) > 1:
            yield "doubled", *key, f"charged {len(charges)} times"
        if belief == "unknown":
            yield "person", *key, "charged" if charges else "not charged"
        elif belief == "open":
            yield "wrong", *key, "the journal has not come to an end"
        elif belief == "charged" and not charges:
            yield "wrong", *key, "the journal says charged, and no charge stands"
        elif belief == "charged" and charges[0] != won:
            yield "wrong", *key, f"{charges[0]} won charged, the journal says {won}"
        elif belief == "not charged" and charges:
            yield "lost", *key, f"{sum(charges)} won charged, the journal says not"


def sums(count):
    return f"{count['lost']} lost, {count['doubled']} doubled, {count['wrong']} wrong, {count['person']} for a person"


def main(ledger_url, journal):
    standing, violations = read_ledger(ledger_url)
    book, products = read_journal(journal)
    counts = {product: Counter() for product in PRODUCTS}
    for what, terminal, number, sentence in compare(standing, book):
        product = products.get(terminal, "no product")
        counts.setdefault(product, Counter())[what] += 1
        print(f"{product} {number}: {'for a person' if what == 'person' else what}: {sentence}")
    for violation in violations:
        print(f"wrong: {violation}")
    for product, count in counts.items():
        print(f"{product}: {sums(count)}")
    total = sum(counts.values(), Counter(wrong=len(violations)))
    print(sums(total))
    return 1 if total["lost"] + total["doubled"] + total["wrong"] else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
