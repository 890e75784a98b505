//! What a storm prints of its cases: before it how many, after it their outcomes.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use kicc_proto::{flow::Policy, iamport, product::Product, time::Millis};

use super::{Args, cases::Case, ended::Ended};

/// How many of what, and how fast.
pub fn introduce(
    args: &Args,
    policy: &Policy,
    orders: usize,
    cases: &[Case],
    out: &mut impl Write,
) -> io::Result<()> {
    let seconds = |span: Millis| span.0 as f64 / 1_000.0;
    let life = Policy::default();
    let of_each: Vec<String> = products(cases)
        .map(|(product, cases)| format!("{} cases of {}", cases.len(), title(product)))
        .collect();
    writeln!(
        out,
        "{orders} orders, each of {} at least {} times, {} at once, seed {}",
        of_each.join(" and "),
        orders / cases.len(),
        args.concurrency,
        args.seed
    )?;
    writeln!(
        out,
        "time scale 1:{}: an answer is awaited {:.2} s instead of {} s, the quiet period is {:.2} s instead of {} s; the \
         horizon is {:.1} s instead of {} h, or six quiet periods for an accept step that never can tell",
        args.scale,
        seconds(policy.answer_timeout),
        seconds(life.answer_timeout),
        seconds(policy.quiet_period),
        seconds(life.quiet_period),
        seconds(policy.horizon),
        seconds(life.horizon) / 3_600.0
    )?;
    if let Some(own) = &policy.products.iamport
        && products(cases).any(|(product, _)| product == Product::Iamport)
    {
        let life = iamport::Settings::test();
        writeln!(
            out,
            "i'mport's answers are awaited {:.2} s instead of {} s, its quiet period is {:.2} s instead of {} s",
            seconds(own.answer_timeout),
            seconds(life.answer_timeout),
            seconds(own.quiet_period),
            seconds(life.quiet_period)
        )?;
    }
    if products(cases).any(|(product, _)| product == Product::EasyTalk) {
        writeln!(
            out,
            "query_forgets: a gateway forgets a day later at the earliest; until then this one answers 503, and the budget of \
             tries ends it"
        )?;
    }
    Ok(())
}

/// The outcomes of each case; how many are not the only acceptable one.
pub fn outcomes(cases: &[Case], ended: &[Ended], out: &mut impl Write) -> io::Result<usize> {
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or_default();
    let mut unexpected = 0;
    for (product, of_product) in products(cases) {
        let (title, head) = (title(product), "the VAN, the shop");
        writeln!(out, "\n{title}\n{head:<width$}  orders  {:<14}  outcomes", "acceptable")?;
        for (at, case) in of_product {
            unexpected += line(case, ended.iter().filter(|one| one.order.case == at), width, out)?;
        }
    }
    for one in ended.iter().filter(|one| one.seen() != cases[one.order.case].expected.as_str()) {
        writeln!(out, "WRONG: {} ({}): {}", one.order.number, cases[one.order.case].name, one.story())?;
    }
    Ok(unexpected)
}

/// The products that have cases, each with its own and their places.
fn products(cases: &[Case]) -> impl Iterator<Item = (Product, Vec<(usize, &Case)>)> {
    let of = |product| cases.iter().enumerate().filter(move |(_, case)| case.product == product).collect();
    Product::ALL
        .into_iter()
        .map(move |product| (product, of(product)))
        .filter(|(_, own): &(_, Vec<_>)| !own.is_empty())
}

fn line<'a>(
    case: &Case,
    ended: impl Iterator<Item = &'a Ended>,
    width: usize,
    out: &mut impl Write,
) -> io::Result<usize> {
    let mut seen = BTreeMap::<&str, usize>::new();
    for one in ended {
        *seen.entry(one.seen()).or_default() += 1;
    }
    let (orders, expected) = (seen.values().sum::<usize>(), case.expected.as_str());
    let wrong = orders - seen.get(expected).copied().unwrap_or_default();
    let outcomes: Vec<String> = seen.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let verdict = if wrong == 0 { "ok" } else { "WRONG" };
    writeln!(out, "{:<width$}  {orders:>6}  {expected:<14}  {}  {verdict}", case.name, outcomes.join(", "))?;
    Ok(wrong)
}

/// The product's own name.
pub fn title(product: Product) -> &'static str {
    match product {
        Product::Simple => "Simple Payment",
        Product::EasyTalk => "EasyTalkPay",
        Product::Iamport => "i'mport",
    }
}
