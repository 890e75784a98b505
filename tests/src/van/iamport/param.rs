//! The parameters of `IMP.request_pay` as KICC takes them (spec §9.2 to §9.5).

use serde_json::Value;

use crate::van::IamportSettings;
use crate::van::json::Object;

/// Every parameter that KICC takes.
const KNOWN: [&str; 29] = [
    "channelKey",
    "pg",
    "pay_method",
    "merchant_uid",
    "name",
    "amount",
    "buyer_tel",
    "buyer_name",
    "buyer_email",
    "buyer_addr",
    "buyer_postcode",
    "customer_uid",
    "escrow",
    "kiccProducts",
    "tax_free",
    "digital",
    "vbank_due",
    "company",
    "auth_mode",
    "card",
    "display",
    "bypass",
    "m_redirect_url",
    "app_scheme",
    "notice_url",
    "confirm_url",
    "custom_data",
    "currency",
    "language",
];

/// Everything that is wrong with them.
pub(super) fn problems(param: &Object, settings: &IamportSettings, mobile: bool) -> Vec<String> {
    let mut check = Check { param, problems: Vec::new() };
    for name in param.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
        check.problems.push(format!("{name} is no parameter for KICC"));
    }
    check.gateway(settings);
    check.order();
    check.buyer();
    check.method();
    check.card();
    if param.contains_key("escrow") || param.contains_key("kiccProducts") {
        check.escrow();
    }
    let returns = check
        .text("m_redirect_url")
        .is_some_and(|url| url.parse::<http::Uri>().is_ok_and(|url| url.host().is_some()));
    check.unless(
        returns || !mobile && check.is_absent("m_redirect_url"),
        "m_redirect_url is no address to return to",
    );
    check.problems
}

struct Check<'a> {
    param: &'a Object,
    problems: Vec<String>,
}

impl Check<'_> {
    fn unless(&mut self, holds: bool, problem: &str) {
        if !holds {
            self.problems.push(problem.to_owned());
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.param.get(name)?.as_str()
    }

    /// A text of one to so many characters that are not all blank.
    fn is_text(&self, name: &str, max: usize) -> bool {
        self.text(name).is_some_and(|text| !text.trim().is_empty() && text.chars().count() <= max)
    }

    fn is_absent(&self, name: &str) -> bool {
        self.param.get(name).is_none_or(Value::is_null)
    }

    /// Is it there and true?
    fn is_true(&self, name: &str) -> bool {
        self.param.get(name) == Some(&Value::Bool(true))
    }

    fn gateway(&mut self, settings: &IamportSettings) {
        let own = format!("kicc.{}", settings.mid);
        let chosen = match self.text("pg") {
            Some(pg) => pg == "kicc" || pg == own,
            None => self.is_absent("pg") && self.is_text("channelKey", 55),
        };
        self.unless(chosen, "pg is not kicc, nor kicc. with the merchant's MID");
    }

    fn order(&mut self) {
        let issues = !self.is_absent("customer_uid");
        self.unless(self.is_text("merchant_uid", 40), "merchant_uid is no text of 1 to 40 characters");
        self.unless(
            !self.text("merchant_uid").is_some_and(|uid| uid.contains('/')),
            "merchant_uid holds a slash",
        );
        self.unless(self.is_text("name", 40), "name is no text of 1 to 40 characters");
        let amount = self.param.get("amount").and_then(Value::as_u64);
        self.unless(amount.is_some_and(|amount| amount > 0 || issues), "amount is no number above zero");
        self.unless(
            !issues || self.is_text("customer_uid", 80),
            "customer_uid is no text of 1 to 80 characters",
        );
        let exempt = self.param.get("tax_free").map_or(Some(0), Value::as_u64);
        self.unless(exempt.is_some_and(|exempt| Some(exempt) <= amount), "tax_free is no part of amount");
        self.unless(matches!(self.text("currency"), None | Some("KRW")), "currency is not KRW");
    }

    fn buyer(&mut self) {
        let issues = !self.is_absent("customer_uid");
        let lengths = [("buyer_name", 16), ("buyer_email", 64), ("buyer_addr", 128), ("buyer_postcode", 8)];
        for (name, max) in lengths {
            let good =
                self.is_absent(name) || self.text(name).is_some_and(|text| text.chars().count() <= max);
            self.unless(good, &format!("{name} is no text of at most {max} characters"));
        }
        let tel = self.is_text("buyer_tel", 16) || issues && self.is_absent("buyer_tel");
        self.unless(tel, "buyer_tel is blank");
    }

    fn method(&mut self) {
        let method = self.text("pay_method").unwrap_or_default().to_owned();
        let methods = ["card", "trans", "vbank", "phone"];
        self.unless(methods.contains(&method.as_str()), "pay_method is none of card, trans, vbank, phone");
        let issues = !self.is_absent("customer_uid");
        self.unless(!issues || method == "card", "customer_uid without pay_method card");
        let digital = self.param.get("digital").is_some_and(Value::is_boolean);
        self.unless(digital || method != "phone" && self.is_absent("digital"), "phone without digital");
        let due = self.text("vbank_due").unwrap_or_default();
        let digits = due.bytes().filter(u8::is_ascii_digit).count();
        let good = [8, 14].contains(&digits) && due.bytes().all(|byte| b"0123456789-: ".contains(&byte));
        self.unless(good || self.is_absent("vbank_due"), "vbank_due is no date");
    }

    fn card(&mut self) {
        let Some(card) = self.param.get("card") else { return };
        let is_code = |code: &Value| code.as_str().is_some_and(|code| (1..=5).contains(&code.len()));
        let direct = &card["direct"];
        let quota = direct["quota"].as_u64().is_some_and(|quota| quota != 1);
        self.unless(
            direct.is_null() || is_code(&direct["code"]) && quota,
            "card.direct is no code with a quota",
        );
        let detail = card["detail"].as_array();
        let is_choice = |choice: &Value| is_code(&choice["card_code"]) && choice["enabled"].is_boolean();
        let good = detail.map_or(card["detail"].is_null(), |detail| detail.iter().all(is_choice));
        self.unless(good, "card.detail is no list of codes that are enabled or not");
    }

    fn escrow(&mut self) {
        let method = self.text("pay_method").unwrap_or_default();
        let good = !self.is_true("escrow") || ["trans", "vbank"].contains(&method);
        self.unless(good, "escrow with neither trans nor vbank");
        if !self.is_true("escrow") {
            return;
        }
        for name in ["buyer_name", "buyer_email", "buyer_tel"] {
            self.unless(self.is_text(name, 64), &format!("escrow without {name}"));
        }
        let is_product = |product: &Value| {
            let texts = ["orderNumber", "name"].iter().all(|name| product[name].is_string());
            texts && ["quantity", "amount"].iter().all(|name| product[name].is_u64())
        };
        let products = self.param.get("kiccProducts").and_then(Value::as_array);
        let good = products.is_some_and(|list| !list.is_empty() && list.iter().all(is_product));
        self.unless(good, "escrow without kiccProducts");
    }
}
