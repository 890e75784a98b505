use alloc::format;

use super::*;

fn row() -> Row {
    Row {
        key: Key {
            environment: Environment::new("test").unwrap(),
            product: Product::Simple,
            terminal: TerminalId::new("T1").unwrap(),
            number: TransactionNumber::new("N1").unwrap(),
        },
        kind: Kind::Approval,
        original: None,
        authorisation_mark: None,
        live: true,
        standing: Standing::Open,
        told: false,
        revision: 1,
        token: 1,
        holder: "one".into(),
        lease_until: UnixMillis(100),
        created_at: UnixMillis(1),
        updated_at: UnixMillis(1),
        suspect: false,
        record: RecordText("{\"tokenKey\":\"SECRET\"}".into()),
    }
}

/// R22: what stands for a pruned key in a journal that is there already. SHA-256 of each part behind its length in
/// eight bytes; its first half.
#[test]
fn r22_a_keys_short_hash_never_changes() {
    assert_eq!(row().key.short_hash().as_str(), "f5ba9c3caac0c1fe18bf948b0a750dbe");
    assert_ne!(short_hash(&["ab", "c"]), short_hash(&["a", "bc"]));
}

/// R21: the names that a journal's columns hold already.
#[test]
fn r21_kinds_and_standings_keep_their_names() {
    assert_eq!([Kind::Approval, Kind::Refund].map(Kind::as_str), ["approval", "refund"]);
    let standings = [Standing::Open, Standing::Parked, Standing::Closed];
    assert_eq!(standings.map(Standing::as_str), ["open", "parked", "closed"]);
}

/// R20: a live holder is never robbed but by a person, and nobody before the lease is over, unless the holder is dead.
#[test]
fn r20_whose_lease_a_claim_may_take() {
    let row = row();
    let takes = |holder: &str, now: u64, force: Force, life: Life, held_by: &str| {
        let claim = Claim {
            key: &row.key,
            revision: 1,
            holder,
            now: UnixMillis(now),
            lease_until: UnixMillis(now + 50),
            force,
        };
        claim.takes(&Row { holder: held_by.into(), ..row.clone() }, life)
    };
    // Running, over in this millisecond, over.
    for (now, lapsed) in [(99, false), (100, true), (101, true)] {
        for force in [Force::DeadOrLapsed, Force::LapsedEvenIfAlive] {
            for life in [Life::Alive, Life::Dead, Life::Unknown] {
                assert!(takes("two", now, force, life, ""), "nobody's");
                let by_life = match life {
                    Life::Dead => true,
                    Life::Unknown => lapsed,
                    Life::Alive => lapsed && force == Force::LapsedEvenIfAlive,
                };
                assert_eq!(takes("two", now, force, life, "one"), by_life, "{now} {force:?} {life:?}");
                assert_eq!(takes("one", now, force, life, "one"), lapsed || life == Life::Dead, "one's own");
            }
        }
    }
}

#[test]
fn r23_debug_shows_of_a_record_only_its_length() {
    assert_eq!(format!("{:?}", row().record), "RecordText(21 bytes)");
}
