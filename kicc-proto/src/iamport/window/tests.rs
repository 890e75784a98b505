//! Each test names the part of the specification whose rule it holds.

use alloc::{format, string::ToString as _, vec::Vec};

use serde_json::{Value, json};

use super::*;
use crate::values::{Amount, Instalment, Problem};

/// What a test borrows.
struct Parts {
    gateway: Gateway,
    number: TransactionNumber,
    url: ReturnUrl,
}

fn parts() -> Parts {
    Parts {
        gateway: Gateway::from_pg("kicc.T0001").unwrap(),
        number: TransactionNumber::new("ORDER-1").unwrap(),
        url: ReturnUrl::new("https://shop.example/paid?cart=1&x=imp_uid").unwrap(),
    }
}

impl Parts {
    /// A payment that lacks nothing.
    fn payment(&self, pay_method: PayMethod) -> RequestPay<'_> {
        let mut request =
            RequestPay::new(&self.gateway, pay_method, &self.number, "의자", Won(50_000), &self.url);
        request.buyer.tel = Some("010-1234-5678");
        if request.pay_method == PayMethod::Phone {
            request.digital = Some(false);
        }
        request
    }
}

fn json_of(request: &RequestPay<'_>) -> Value {
    serde_json::from_str(request.parameters().unwrap().json()).unwrap()
}

/// The field and the reason of a refusal.
fn refused(request: &RequestPay<'_>) -> (&'static str, alloc::string::String) {
    let invalid = request.parameters().unwrap_err();
    (invalid.field, invalid.problem.to_string())
}

#[test]
fn a_payment_has_its_fields_and_no_others() {
    let parts = parts();
    assert_eq!(
        json_of(&parts.payment(PayMethod::Card)),
        json!({
            "pg": "kicc.T0001", "pay_method": "card", "merchant_uid": "ORDER-1", "name": "의자", "amount": 50_000,
            "buyer_tel": "010-1234-5678", "m_redirect_url": "https://shop.example/paid?cart=1&x=imp_uid",
        })
    );
}

#[test]
fn every_parameter_has_its_place() {
    let parts = parts();
    let channel = Gateway::Channel(ChannelKey::new("channel-key-1").unwrap());
    let notice = ReturnUrl::new("https://shop.example/webhook").unwrap();
    let confirm = ReturnUrl::new("https://shop.example/confirm").unwrap();
    let code = CardCode::new("041").unwrap();
    let mut request = parts.payment(PayMethod::Card);
    request.gateway = &channel;
    request.tax_free = Some(Won(0));
    request.buyer = Buyer {
        name: Some("김영희"),
        email: Some("y@shop.example"),
        tel: Some("010-1234-5678"),
        address: Some("서울"),
        postcode: Some("04524"),
    };
    request.card = CardOptions {
        direct: Some(Direct {
            code: &code,
            quota: Instalment::of_months(3).unwrap(),
            company: Some("가구점"),
        }),
        cards: Cards::Only(core::slice::from_ref(&code)),
        months: Some(&[]),
        key_in: true,
    };
    request.cash_receipt = Some(true);
    request.app_scheme = Some("shopapp://back?to=1");
    (request.notice_url, request.confirm_url) = (Some(&notice), Some(&confirm));
    request.custom_data = Some(r#"{ "cart": [1, 2] }"#);
    request.customer_id = Some("customer-1");
    (request.currency, request.language) = (Some("KRW"), Some("ko"));
    assert_eq!(
        json_of(&request),
        json!({
            "channelKey": "channel-key-1", "pay_method": "card", "merchant_uid": "ORDER-1", "name": "의자",
            "amount": 50_000, "tax_free": 0, "buyer_name": "김영희", "buyer_email": "y@shop.example",
            "buyer_tel": "010-1234-5678", "buyer_addr": "서울", "buyer_postcode": "04524", "customer_id": "customer-1",
            "company": "가구점", "auth_mode": "key-in",
            "card": {"direct": {"code": "041", "quota": 3},
                "detail": [{"card_code": "*", "enabled": false}, {"card_code": "041", "enabled": true}]},
            "display": {"card_quota": []}, "bypass": {"kicc": {"disp_cash_yn": "Y"}},
            "m_redirect_url": "https://shop.example/paid?cart=1&x=imp_uid", "app_scheme": "shopapp://back?to=1",
            "notice_url": "https://shop.example/webhook", "confirm_url": "https://shop.example/confirm",
            "custom_data": {"cart": [1, 2]}, "currency": "KRW", "language": "ko",
        })
    );
}

/// Spec §9.2: four ways to pay.
#[test]
fn what_kicc_does_not_offer_is_refused_with_the_reason() {
    let parts = parts();
    for method in ["card", "trans", "vbank", "phone"] {
        assert_eq!(json_of(&parts.payment(PayMethod::from_word(method)))["pay_method"], method);
    }
    for method in ["samsung", "kakaopay", "", "Card"] {
        let (field, why) = refused(&parts.payment(PayMethod::from_word(method)));
        assert!(field == "pay method" && why.contains("card, trans, vbank and phone"), "{method} {why}");
    }
    for method in ["wechat", "alipay_plus"] {
        assert!(refused(&parts.payment(PayMethod::from_word(method))).1.contains("overseas"), "{method}");
    }
    let mut request = parts.payment(PayMethod::Card);
    request.currency = Some("USD");
    assert_eq!(refused(&request), ("currency", "must be KRW: KICC takes no other".into()));
    (request.currency, request.language) = (None, Some("en"));
    assert_eq!(refused(&request).0, "language");
}

/// Spec §9.2: `digital` belongs to phone payments, which need it; `vbank_due` to virtual accounts.
#[test]
fn each_way_to_pay_has_its_own_parameters() {
    let parts = parts();
    let mut request = parts.payment(PayMethod::Phone);
    assert_eq!(json_of(&request)["digital"], false);
    request.digital = None;
    assert_eq!(refused(&request).0, "digital");
    let mut request = parts.payment(PayMethod::Transfer);
    request.digital = Some(true);
    assert_eq!(refused(&request).0, "digital");

    let due = KstDateTime::new("20261231235959").unwrap();
    let mut request = parts.payment(PayMethod::VirtualAccount);
    request.deposit_until = Some(due);
    assert_eq!(json_of(&request)["vbank_due"], "20261231235959");
    let mut request = parts.payment(PayMethod::Card);
    request.deposit_until = Some(due);
    assert_eq!(refused(&request).0, "deposit date");

    let code = CardCode::new("041").unwrap();
    let direct = Direct { code: &code, quota: Instalment::lump_sum(), company: None };
    for card in [
        CardOptions { direct: Some(direct), ..CardOptions::default() },
        CardOptions { cards: Cards::Only(core::slice::from_ref(&code)), ..CardOptions::default() },
        CardOptions { months: Some(&[]), ..CardOptions::default() },
        CardOptions { key_in: true, ..CardOptions::default() },
    ] {
        let mut request = parts.payment(PayMethod::Transfer);
        request.card = card;
        assert_eq!(refused(&request).0, "card");
        request.pay_method = PayMethod::Card;
        assert!(request.parameters().is_ok(), "{card:?}");
    }
}

/// Spec §9.4.
#[test]
fn escrow_needs_products_and_three_fields_of_the_buyer() {
    let parts = parts();
    let order_number = OrderNumber::new("P-1").unwrap();
    let product = EscrowProduct { order_number: &order_number, name: "다리", quantity: 4, amount: Won(7) };
    let products = [product, EscrowProduct { amount: Won(0), ..product }];
    for method in [PayMethod::Transfer, PayMethod::VirtualAccount] {
        let mut request = parts.payment(method);
        request.escrow = Some(&products);
        request.buyer.name = Some("김영희");
        request.buyer.email = Some("y@shop.example");
        let json = json_of(&request);
        assert_eq!(json["escrow"], true);
        let first = json!({"orderNumber": "P-1", "name": "다리", "quantity": 4, "amount": 7});
        assert_eq!((&json["kiccProducts"][0], json["kiccProducts"].as_array().unwrap().len()), (&first, 2));

        for (field, buyer) in [
            ("buyer name", Buyer { name: None, ..request.buyer }),
            ("buyer email", Buyer { email: None, ..request.buyer }),
            ("buyer tel", Buyer { tel: None, ..request.buyer }),
            ("buyer name", Buyer { name: Some(" "), ..request.buyer }),
        ] {
            let lacking = RequestPay { buyer, ..request.clone() };
            assert_eq!(refused(&lacking).0, field);
        }
        let lacking = RequestPay { buyer: Buyer { email: None, ..request.buyer }, ..request.clone() };
        assert_eq!(lacking.parameters().unwrap_err().problem, Problem::Other("is required for escrow"));
        let with = |products: &[EscrowProduct<'_>]| {
            RequestPay { escrow: Some(products), ..request.clone() }.parameters().map(drop).unwrap_err()
        };
        assert_eq!(with(&[]), Problem::Empty.of("escrow products"));
        assert_eq!(with(&[EscrowProduct { name: "", ..product }]).field, "escrow product name");
        assert_eq!(with(&[EscrowProduct { quantity: 0, ..product }]).field, "escrow product quantity");
        assert_eq!(
            with(&[EscrowProduct { amount: Won(Amount::MAX.0 + 1), ..product }]).field,
            "escrow product amount"
        );
        let most = [EscrowProduct { amount: Amount::MAX, ..product }];
        assert!(RequestPay { escrow: Some(&most), ..request.clone() }.parameters().is_ok());
    }
    for method in [PayMethod::Card, PayMethod::Phone] {
        let mut request = parts.payment(method);
        request.escrow = Some(&products);
        assert_eq!(refused(&request).0, "escrow");
    }
}

/// Spec §9.3.
#[test]
fn issuers_are_switched_on_or_off() {
    let parts = parts();
    let [shinhan, woori] = ["366", "041"].map(|code| CardCode::new(code).unwrap());
    let both = [shinhan.clone(), woori.clone()];
    let mut request = parts.payment(PayMethod::Card);
    request.card.cards = Cards::Without(&both);
    let off = |code: &str| json!({"card_code": code, "enabled": false});
    assert_eq!(json_of(&request)["card"], json!({"detail": [off("366"), off("041")]}));
    request.card.cards = Cards::Only(&both[..1]);
    assert_eq!(
        json_of(&request)["card"],
        json!({"detail": [off("*"), {"card_code": "366", "enabled": true}]}),
        "all off, then some on"
    );
    request.card.direct = Some(Direct { code: &woori, quota: Instalment::lump_sum(), company: None });
    assert_eq!(refused(&request).0, "direct card");
    request.card.cards = Cards::Without(&both);
    assert_eq!(refused(&request).0, "direct card");
    request.card.cards = Cards::All;
    assert_eq!(json_of(&request)["card"], json!({"direct": {"code": "041", "quota": 0}}));
    for cards in [Cards::Only(&[]), Cards::Without(&[])] {
        request.card.cards = cards;
        assert_eq!(refused(&request), ("cards", "is empty".into()));
    }
    assert_eq!(woori.known().unwrap().name.en, "Woori");
    assert!(CardCode::new("99999").unwrap().known().is_none(), "the set is open");
}

/// Spec §9.3: instalments from 50 000 won.
#[test]
fn instalments_begin_at_50000_won() {
    let parts = parts();
    let three = Instalment::of_months(3).unwrap();
    let code = CardCode::new("367").unwrap();
    let mut request = parts.payment(PayMethod::Card);
    let months = [Instalment::of_months(2).unwrap(), three];
    request.card.months = Some(&months);
    assert_eq!(json_of(&request)["display"], json!({"card_quota": [2, 3]}));
    request.amount = Won(49_999);
    assert_eq!(refused(&request).0, "months");
    request.card.months = Some(&[]);
    assert_eq!(json_of(&request)["display"], json!({"card_quota": []}), "a lump sum alone");
    request.card.direct = Some(Direct { code: &code, quota: three, company: None });
    assert_eq!(refused(&request).0, "direct card quota");
    request.amount = Won(50_000);
    assert!(request.parameters().is_ok());
    let lump = [Instalment::lump_sum()];
    request.card.months = Some(&lump);
    assert_eq!(refused(&request).0, "months");
}

/// Spec §9.5.
#[test]
fn the_issue_of_a_key_is_by_card_and_needs_less() {
    let parts = parts();
    let customer_uid = CustomerUid::new("customer-1.card-2").unwrap();
    let mut request =
        RequestPay::new(&parts.gateway, PayMethod::Card, &parts.number, "카드 등록", Won(0), &parts.url);
    request.customer_uid = Some(&customer_uid);
    let json = json_of(&request);
    assert_eq!((&json["customer_uid"], &json["amount"]), (&json!("customer-1.card-2"), &json!(0)));
    assert!(json.get("buyer_tel").is_none(), "optional here (spec §13.16)");
    request.tax_free = Some(Won(1));
    assert!(request.parameters().is_err());
    request.tax_free = None;
    for method in [PayMethod::Transfer, PayMethod::VirtualAccount, PayMethod::Phone] {
        request.pay_method = method;
        assert_eq!(refused(&request).0, "pay method");
    }
    request.pay_method = PayMethod::Card;
    request.customer_uid = None;
    assert_eq!(refused(&request).0, "amount", "a payment of nothing");
}

/// R5.
#[test]
fn r5_amounts_are_whole_and_hold_their_tax_free_part() {
    let parts = parts();
    let mut request = parts.payment(PayMethod::Card);
    for (amount, tax_free, field) in [
        (0, None, Some("amount")),
        (1_000_000_000_000, None, Some("amount")),
        (1_000, Some(1_001), Some("tax-free amount")),
        (1_000, Some(1_000), None),
        (1_000, Some(0), None),
        (999_999_999_999, None, None),
    ] {
        (request.amount, request.tax_free) = (Won(amount), tax_free.map(Won));
        assert_eq!(request.parameters().err().map(|invalid| invalid.field), field, "{amount} {tax_free:?}");
    }
    request.tax_free = Some(Won(0));
    assert_eq!(json_of(&request)["tax_free"], 0, "0 is stated too");
}

/// R5, spec §9.2: limits count characters.
#[test]
fn r5_texts_have_limits() {
    let parts = parts();
    let long = "가".repeat(129);
    let cut = |characters: usize| &long[..3 * characters];
    let request = parts.payment(PayMethod::Card);
    let with = |limit: usize, change: &dyn Fn(&mut RequestPay<'_>, &'static str)| {
        for (characters, fits) in [(0, false), (1, true), (limit, true), (limit + 1, false)] {
            let mut request = request.clone();
            // Leaked, so that a test may hand out texts of any length.
            change(&mut request, alloc::boxed::Box::leak(cut(characters).into()));
            assert_eq!(request.parameters().is_ok(), fits, "{characters} of {limit}");
        }
    };
    with(40, &|request, text| request.name = text);
    with(16, &|request, text| request.buyer.name = Some(text));
    with(64, &|request, text| request.buyer.email = Some(text));
    with(16, &|request, text| request.buyer.tel = Some(text));
    with(128, &|request, text| request.buyer.address = Some(text));
    with(8, &|request, text| request.buyer.postcode = Some(text));
    with(80, &|request, text| request.customer_id = Some(text));

    for bad in [" ", "의\n자", "의\0자", "\u{2028}의자", "\u{85}"] {
        let refused = RequestPay { name: bad, ..request.clone() }.parameters().unwrap_err();
        assert_eq!(refused.field, "name", "{bad:?}");
    }
    let lacking = RequestPay { buyer: Buyer::default(), ..request.clone() };
    assert_eq!(refused(&lacking).0, "buyer tel");
    let too_long = parts.payment(PayMethod::Card);
    let too_long = RequestPay { name: cut(41), ..too_long };
    assert_eq!(too_long.parameters().unwrap_err().problem, Problem::TooManyCharacters { limit: 40, got: 41 });
}

/// No text, whatever it holds, ends the script or the attribute that it stands in.
#[test]
fn no_text_breaks_out_of_the_page() {
    let parts = parts();
    let mut request = parts.payment(PayMethod::Card);
    request.name = "</script><!-- '\"&amp;\\";
    request.buyer.address = Some("<script>alert(1)</script>");
    request.custom_data = Some("{\"a</script>\": \"\u{2028}\u{2029}'&\"}");
    let parameters = request.parameters().unwrap();
    for c in ['<', '>', '&', '\'', '\u{2028}', '\u{2029}'] {
        assert!(!parameters.json().contains(c), "{c:?} in {}", parameters.json());
    }
    let json = json_of(&request);
    assert_eq!(
        (json["name"].as_str(), json["buyer_addr"].as_str()),
        (Some(request.name), request.buyer.address)
    );
    assert_eq!(json["custom_data"], json!({"a</script>": "\u{2028}\u{2029}'&"}));
}

/// Spec §10.2: the result's pairs are appended, so the shop's own must not have their names.
#[test]
fn the_way_back_has_room_for_the_result() {
    let parts = parts();
    for bad in
        ["imp_uid=1", "a=1&merchant_uid", "error_msg=", "a&imp_success=true#x", "imp%5Fuid=2", "success=1"]
    {
        let url = ReturnUrl::new(&format!("https://shop.example/paid?{bad}")).unwrap();
        let request = RequestPay { redirect_url: &url, ..parts.payment(PayMethod::Card) };
        assert_eq!(refused(&request).0, "redirect url", "{bad}");
    }
}

#[test]
fn an_app_is_named_by_its_scheme() {
    let parts = parts();
    let mut request = parts.payment(PayMethod::Card);
    for (scheme, fine) in [
        ("shopapp", true),
        ("shop-app.v2://paid?x=1&y", true),
        ("", false),
        ("1app", false),
        ("shop app", false),
        ("shop:app", false),
        ("://x", false),
        ("shopapp://a b", false),
        ("shopapp://<", false),
        ("shopapp://가", false),
    ] {
        request.app_scheme = Some(scheme);
        assert_eq!(request.parameters().is_ok(), fine, "{scheme}");
    }
    request.app_scheme = Some("shopapp://ab c");
    assert!(matches!(request.parameters().unwrap_err().problem, Problem::BadCharacter { at: 12, .. }));
}

#[test]
fn custom_data_is_an_object() {
    let parts = parts();
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(4_000 - 8));
    let longer = long.replace("{\"", "{ \"");
    let mut request = parts.payment(PayMethod::Card);
    for (data, fine) in [
        ("{}", true),
        (" {\"a\":[1]} ", true),
        (&long, true),
        (&longer, false),
        ("[]", false),
        ("1", false),
        ("{", false),
        ("", false),
        ("{}{}", false),
    ] {
        request.custom_data = Some(data);
        assert_eq!(request.parameters().is_ok(), fine, "{data:.20}");
    }
}

/// R23.
#[test]
fn r23_debug_shows_no_buyer() {
    let parts = parts();
    let customer_uid = CustomerUid::new("customer-uid-1").unwrap();
    let mut request = parts.payment(PayMethod::Card);
    request.customer_uid = Some(&customer_uid);
    request.custom_data = Some(r#"{"hidden":1}"#);
    request.customer_id = Some("hidden-id");
    let shown = format!("{request:?} {:?}", request.parameters().unwrap());
    let hidden: Vec<_> =
        ["010-1234", "customer-uid-1", "hidden"].into_iter().filter(|text| shown.contains(text)).collect();
    assert!(hidden.is_empty(), "{hidden:?} in {shown}");
    assert!(shown.starts_with("RequestPay {") && shown.contains("Parameters { json_bytes: "), "{shown}");
    assert_eq!(format!("{:?}", request.buyer), "Buyer(..)");
    let refused = RequestPay { custom_data: Some("hidden"), ..request.clone() }.parameters().unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("hidden"));
}
