//! The core beside the bare libraries.

pub mod floor;
pub mod ours;

use std::cell::RefCell;

use aes::{
    Aes256,
    cipher::{BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7},
};
use encoding_rs::EUC_KR;
use kicc_proto::{
    iamport::{ApiKeys, GetToken},
    values::{AuthorizationId, Charset, Secret},
    wire::{
        Reply, RequestBuffer,
        call::Call as _,
        sign::{HmacSha256, request_signature},
        token_key::{Aes256Cbc, EncryptTokenKey as _, Output},
    },
};
use serde::{Deserialize, Serialize};

use self::{
    floor::{
        EasyTalkReply, Enveloped, Floor, IamportKeys, IamportPage, IamportPayment, IamportToken,
        SimpleApproval, SimpleReply, parse, walk,
    },
    ours::{Buffers, NOW, Scene, Stop, Until},
};
use crate::{
    alloc::Allocated,
    measure::{Case, Work},
};

/// The case that most of the others make up.
pub const LIFE: &str = "Simple Payment: whole life";
/// The case whose target is that of all reading.
pub const READ: &str = "Simple Payment: approval, read";

const SIMPLE_APPROVED: &str = r#"{"respCd":"0000","respMsg":"정상승인","tid":"T123456789","mercTrxNo":"ORD-20280816-000001","aprvNo":"12345678","aprvDt":"20280816","aprvTm":"083320","vanTrxNo":"12345678901234567890","issFmCd":"026","issFmNm":"비씨카드","purchFmCd":"026","purchFmNm":"비씨카드","joShopNo":"1234567890","cardConfirmNo":"1234-56**-****-1234"}"#;
const SIMPLE_VOIDED: &str = r#"{"respCd":"0000","respMsg":"정상취소","tid":"T123456789","mercTrxNo":"ORD-20280816-000001","aprvNo":"12345678","aprvDt":"20280816","aprvTm":"083321","cardConfirmNo":"1234-56**-****-1234"}"#;
const EASYTALK_APPROVED: &str = r#"{"resCd":"0000","resMsg":"정상승인","shopTransactionId":"ORD-20280816-000001","vanTid":"T5102001","shopOrderNo":"GDS30004","controlNo":"20280816000000000001","amount":51004,"transactionDate":"20280816083320","accepterId":"123456789","paymentInfo":{"payMethodTypeCode":"11","approvalNo":"00017177","vanSerial":"50123011010326090200","cardInfo":{"cardNo":"45184211******81","issuerCode":"029","acquirerCode":"029","installmentMonth":"00"}}}"#;
const EASYTALK_CANCELLED: &str = r#"{"resCd":"0000","resMsg":"정상취소","shopTransactionId":"ORD-20280816-000001","vanTid":"T5102001","cancelControlNo":"20280816000000000002","transactionDate":"20280816083330","amount":51004}"#;
const IAMPORT_PAID: &str = r#"{"code":0,"message":null,"response":{"imp_uid":"imp_000000000001","merchant_uid":"ORD-20280816-000001","amount":51004,"cancel_amount":0,"currency":"KRW","status":"paid","sandbox":false,"channel":"api","pay_method":"card","pg_provider":"kicc","pg_tid":"20280816000000000001","apply_num":"00017177","card_code":"361","card_name":"비씨카드","card_number":"45184211****0081","card_quota":0,"name":"커피 두 잔","customer_uid":"customer-1","paid_at":1850000001}}"#;
const IAMPORT_TOKEN: &str = r#"{"code":0,"message":null,"response":{"access_token":"0123456789abcdef0123456789abcdef01234567","expired_at":1850001800,"now":1850000000}}"#;

const HANGUL: &str = "커피 두 잔과 치즈 케이크 한 조각, 아메리카노 Large 2잔 (매장 이용)";
const ID: &str = "AUTH-20280816-0123456789abcdef0123456789";

/// A look-up's answer with one payment.
fn iamport_page() -> String {
    let payment = IAMPORT_PAID.split_once(r#""response":"#).expect("a payment").1.trim_end_matches('}');
    format!(
        r#"{{"code":0,"message":null,"response":{{"total":1,"previous":0,"next":0,"list":[{payment}}}]}}}}"#
    )
}

fn iamport_cancelled() -> String {
    IAMPORT_PAID
        .replace(r#""status":"paid""#, r#""status":"cancelled""#)
        .replace(r#""cancel_amount":0"#, r#""cancel_amount":51004"#)
}

/// All cases, in the order of the tables.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = vec![life(), rescue()];
    cases.extend(simple());
    cases.extend(easytalk());
    cases.extend(iamport());
    cases.extend([sign(), token_key(), euc_kr_encode(), euc_kr_decode(), record_write(), record_read()]);
    cases
}

/// What one payment that waits for its answer holds in the core: the step itself, what it points to, and beside it the
/// driver's buffers for the request and the row.
#[must_use]
pub fn in_flight() -> [u64; 3] {
    let scene = Scene::simple(&[Some(SIMPLE_APPROVED)], true);
    drop(scene.play(Until::Sent(0), &mut Buffers::default()));
    let before = Allocated::now();
    let mut buffers = Buffers::default();
    let stop = scene.play(Until::Sent(0), &mut buffers);
    let with_buffers = (Allocated::now() - before).held();
    drop(buffers);
    let held = (Allocated::now() - before).held();
    let Stop::InFlight(in_flight) = stop else { unreachable!("it stops there") };
    [size_of_val(&in_flight) as u64, held, with_buffers - held]
}

/// So many open records, gone on with, and their texts merely walked through.
#[must_use]
pub fn resume(count: usize) -> [Work; 2] {
    let scene = Scene::simple(&[], true);
    let rows = scene.open_rows(count);
    let texts: Vec<String> = rows.iter().map(|row| json_of(&row.record.0).to_owned()).collect();
    [
        Box::new(move |measurer| {
            let mut rows = rows.iter().cloned();
            // Each row once, however often is asked for.
            measurer.each(|| rows.next(), |row| row.map(|row| scene.resume(row)));
        }),
        Box::new(move |measurer| {
            let mut texts = texts.iter().cloned();
            measurer.each(|| texts.next(), |text| text.map(|text| walk(&text)));
        }),
    ]
}

/// Without what stands before it.
fn json_of(record: &str) -> &str {
    record.find('{').map_or(record, |at| &record[at..])
}

fn life() -> Case {
    let scene = Scene::simple(&[Some(SIMPLE_APPROVED)], true);
    let ours: Work = Box::new(move |measurer| {
        let mut buffers = Buffers::default();
        measurer.again(|| scene.life(&mut buffers));
    });
    let floor: Work = Box::new(|measurer| {
        let mut floor = Floor::new();
        let body = simple_body();
        let request: SimpleApproval<'_> = parse(&body);
        measurer.again(|| floor.life(&request, SIMPLE_APPROVED.as_bytes()));
    });
    Case { name: LIFE.into(), ours, floor: Some(floor), target: Some(1.25) }
}

/// No answer; a net-cancel that voids, and its confirmation.
fn rescue() -> Case {
    let scene = Scene::simple(&[None, Some(SIMPLE_VOIDED), Some(SIMPLE_VOIDED)], true);
    let Stop::Done(records) = scene.play(Until::End, &mut Buffers::default()) else {
        unreachable!("it stops at the end alone")
    };
    let ours: Work = Box::new(move |measurer| {
        let mut buffers = Buffers::default();
        measurer.again(|| drop(scene.play(Until::End, &mut buffers)));
    });
    let floor: Work = Box::new(move |measurer| {
        let mut floor = Floor::new();
        let body = simple_body();
        let request: SimpleApproval<'_> = parse(&body);
        measurer.again(|| floor.rescue(&request, SIMPLE_VOIDED.as_bytes(), records));
    });
    Case { name: "Simple Payment: whole rescue".into(), ours, floor: Some(floor), target: None }
}

/// The body of ours, which the floor writes again.
fn simple_body() -> Vec<u8> {
    body_of(&Scene::simple(&[Some(SIMPLE_APPROVED)], true), 0)
}

fn body_of(scene: &Scene, message: usize) -> Vec<u8> {
    let mut buffer = RequestBuffer::new();
    match scene.play(Until::Encoded(message), &mut Buffers::default()) {
        Stop::Transmit(transmit) => scene.encode(transmit, NOW, &mut buffer).0.body().to_vec(),
        Stop::InFlight(_) | Stop::Done(_) => panic!("it has no such message"),
    }
}

/// How the floor of a message is made: its body as a struct of borrowed fields.
trait Message {
    type Of<'a>: Serialize + Deserialize<'a>;
    const IS_SIGNED: bool = false;
}

/// How the floor of an answer is made.
trait Answer {
    type Of<'a>: Deserialize<'a>;
    const IS_EUC_KR: bool = false;
}

macro_rules! message {
    ($($name:ident: $of:ident, $signed:literal;)*) => {$(
        struct $name;
        impl Message for $name {
            type Of<'a> = floor::$of<'a>;
            const IS_SIGNED: bool = $signed;
        }
    )*};
}

message! {
    Approval: SimpleApproval, true;
    Cancel: SimpleCancel, true;
    EasyApproval: EasyTalkApproval, false;
    EasyQuery: EasyTalkQuery, false;
    EasyCancel: EasyTalkCancel, false;
    Charge: IamportCharge, false;
    ChargeCancel: IamportCancel, false;
}

struct SimpleAnswer;

impl Answer for SimpleAnswer {
    type Of<'a> = SimpleReply<'a>;
}

struct EasyAnswer;

impl Answer for EasyAnswer {
    type Of<'a> = EasyTalkReply<'a>;
    const IS_EUC_KR: bool = true;
}

struct OnePayment;

impl Answer for OnePayment {
    type Of<'a> = Enveloped<'a, IamportPayment<'a>>;
}

struct PageOfPayments;

impl Answer for PageOfPayments {
    type Of<'a> = Enveloped<'a, IamportPage<'a>>;
}

/// An approval: checked, built and signed, but for its row.
fn first<M: Message>(name: &str, scene: &Scene) -> Case {
    let ours = scene.clone();
    let ours: Work = Box::new(move |measurer| {
        let mut buffer = RequestBuffer::new();
        measurer.again(|| ours.first_message(&mut buffer).1);
    });
    Case { name: format!("{name}, checked and built"), ours, floor: Some(built::<M>(scene, 0)), target: None }
}

/// Any other message, from its recorded step to its bytes.
fn later<M: Message>(name: &str, scene: &Scene, message: usize) -> Case {
    let floor = built::<M>(scene, message);
    Case { name: format!("{name}, built"), ours: encoded(scene, message), floor: Some(floor), target: None }
}

fn encoded(scene: &Scene, message: usize) -> Work {
    let scene = scene.clone();
    Box::new(move |measurer| {
        let (kept, mut buffer) = (RefCell::new(Buffers::default()), RequestBuffer::new());
        let transmit = || match scene.play(Until::Encoded(message), &mut kept.borrow_mut()) {
            Stop::Transmit(transmit) => transmit,
            Stop::InFlight(_) | Stop::Done(_) => panic!("it has no such message"),
        };
        measurer.each(transmit, |transmit| scene.encode(transmit, NOW, &mut buffer).1);
    })
}

fn built<M: Message>(scene: &Scene, message: usize) -> Work {
    let body = body_of(scene, message);
    Box::new(move |measurer| {
        let request: M::Of<'_> = parse(&body);
        let mut floor = Floor::new();
        assert_eq!(floor.write(&request), body, "the floor writes other bytes");
        measurer.again(|| {
            floor.write(&request);
            M::IS_SIGNED.then(|| floor.sign())
        });
    })
}

/// The answer to a message, up to the step that follows.
fn read<A: Answer>(name: &str, scene: &Scene, message: usize, target: Option<f64>) -> Case {
    let bytes = scene.bytes(message).to_vec();
    let floor: Work = Box::new(move |measurer| {
        measurer.again(|| match A::IS_EUC_KR {
            true => {
                let text =
                    EUC_KR.decode_without_bom_handling_and_without_replacement(&bytes).expect("EUC-KR");
                std::hint::black_box(serde_json::from_str::<A::Of<'_>>(&text).expect("the answer"));
            }
            false => drop(parse::<A::Of<'_>>(&bytes)),
        });
    });
    let scene = scene.clone();
    let ours: Work = Box::new(move |measurer| {
        let kept = RefCell::new(Buffers::default());
        let in_flight = || match scene.play(Until::Sent(message), &mut kept.borrow_mut()) {
            Stop::InFlight(in_flight) => in_flight,
            Stop::Transmit(_) | Stop::Done(_) => panic!("it has no such message"),
        };
        measurer.each(in_flight, |in_flight| scene.answer(in_flight, message, NOW));
    });
    Case { name: format!("{name}, read"), ours, floor: Some(floor), target }
}

fn simple() -> Vec<Case> {
    let refused = Scene::simple(&[Some(SIMPLE_APPROVED), Some(SIMPLE_VOIDED)], false);
    let unanswered = Scene::simple(&[None, Some(SIMPLE_VOIDED)], true);
    let name = |message| format!("Simple Payment: {message}");
    vec![
        first::<Approval>(&name("approval"), &refused),
        read::<SimpleAnswer>(&name("approval"), &refused, 0, Some(1.2)),
        later::<Approval>(&name("net-cancel"), &unanswered, 1),
        read::<SimpleAnswer>(&name("net-cancel"), &unanswered, 1, None),
        later::<Cancel>(&name("cancel"), &refused, 1),
        read::<SimpleAnswer>(&name("cancel"), &refused, 1, None),
    ]
}

fn easytalk() -> Vec<Case> {
    let refused = Scene::easytalk(&[Some(EASYTALK_APPROVED), Some(EASYTALK_CANCELLED)], false);
    let unanswered = Scene::easytalk(&[None, Some(EASYTALK_APPROVED)], true);
    let name = |message| format!("EasyTalkPay: {message}");
    vec![
        first::<EasyApproval>(&name("approval"), &refused),
        read::<EasyAnswer>(&name("approval"), &refused, 0, None),
        later::<EasyQuery>(&name("query"), &unanswered, 1),
        read::<EasyAnswer>(&name("query"), &unanswered, 1, None),
        later::<EasyCancel>(&name("cancel"), &refused, 1),
        read::<EasyAnswer>(&name("cancel"), &refused, 1, None),
    ]
}

fn iamport() -> Vec<Case> {
    let (page, cancelled) = (iamport_page(), iamport_cancelled());
    let refused = Scene::iamport(&[Some(IAMPORT_PAID), Some(&cancelled)], false);
    let unanswered = Scene::iamport(&[None, Some(&page)], true);
    let name = |message| format!("i'mport: {message}");
    let look_up = name("look-up");
    vec![
        first::<Charge>(&name("charge"), &refused),
        read::<OnePayment>(&name("charge"), &refused, 0, None),
        // Without a body there is nothing to set beside it.
        Case { name: format!("{look_up}, built"), ours: encoded(&unanswered, 1), floor: None, target: None },
        read::<PageOfPayments>(&look_up, &unanswered, 1, None),
        later::<ChargeCancel>(&name("cancel"), &refused, 1),
        read::<OnePayment>(&name("cancel"), &refused, 1, None),
        token_built(),
        token_read(),
    ]
}

fn keys() -> ApiKeys {
    ApiKeys::new(
        "imp_apikey",
        "ekKoeW8RyKuT0zgaZsUtXXTLQ4AhPFW3ZGseDA6bkA5lamv9OqDMnxyeB9wqOsuO9W3Mx9YSJ4dTqJ3f",
    )
    .expect("keys")
}

fn token_built() -> Case {
    let ours: Work = Box::new(|measurer| {
        let (keys, mut buffer) = (keys(), RequestBuffer::new());
        measurer.again(|| GetToken(&keys).request(&mut buffer).body().len());
    });
    let floor: Work = Box::new(|measurer| {
        let mut buffer = RequestBuffer::new();
        let keys = keys();
        let body = GetToken(&keys).request(&mut buffer).body().to_vec();
        let request: IamportKeys<'_> = parse(&body);
        let mut floor = Floor::new();
        assert_eq!(floor.write(&request), body, "the floor writes other bytes");
        measurer.again(|| floor.write(&request).len());
    });
    Case { name: "i'mport: token, built".into(), ours, floor: Some(floor), target: None }
}

fn token_read() -> Case {
    let body = IAMPORT_TOKEN.as_bytes();
    let ours: Work = Box::new(move |measurer| {
        let keys = keys();
        measurer.again(|| GetToken(&keys).read(Reply { status: 200, content_type: None, body }));
    });
    let floor: Work =
        Box::new(move |measurer| measurer.again(|| parse::<Enveloped<'_, IamportToken<'_>>>(body).code));
    Case { name: "i'mport: token, read".into(), ours, floor: Some(floor), target: None }
}

fn sign() -> Case {
    let ours: Work = Box::new(|measurer| {
        let signer = HmacSha256::new(&Secret::from_utf8(ours::SECRET));
        let channel = kicc_proto::values::ChannelId::new(ours::CHANNEL).expect("a channel");
        let (body, nonce) = (simple_body(), "03030303-0303-4303-8303-030303030303");
        measurer.again(|| {
            request_signature(&signer, &channel, "/smpy/kiccpay/reqAprv", "1850000000000", nonce, &body)
        });
    });
    let floor: Work = Box::new(|measurer| {
        let mut floor = Floor::new();
        let body = simple_body();
        floor.write(&parse::<SimpleApproval<'_>>(&body));
        measurer.again(|| floor.sign());
    });
    Case { name: "signature".into(), ours, floor: Some(floor), target: None }
}

fn token_key() -> Case {
    let ours: Work = Box::new(|measurer| {
        let cipher = Aes256Cbc::new(&Secret::new(&[1; 32]), &Secret::new(&[2; 16]), Output::Base64);
        let (cipher, id) = (cipher.expect("a cipher"), AuthorizationId::new(ID).expect("an id"));
        measurer.again(|| cipher.encrypt(&id));
    });
    let floor: Work = Box::new(|measurer| {
        measurer.again(|| {
            use base64ct::Encoding as _;
            let cipher = cbc::Encryptor::<Aes256>::new(&[1; 32].into(), &[2; 16].into());
            let (mut bytes, mut text) = ([0; 64], [0; 88]);
            let bytes = cipher.encrypt_padded_b2b::<Pkcs7>(ID.as_bytes(), &mut bytes).expect("room");
            base64ct::Base64::encode(bytes, &mut text).expect("room").len()
        });
    });
    Case { name: "token key".into(), ours, floor: Some(floor), target: None }
}

fn euc_kr_encode() -> Case {
    let ours: Work = Box::new(|measurer| measurer.again(|| Charset::EucKr.encode(HANGUL)));
    let floor: Work = Box::new(|measurer| {
        measurer.again(|| {
            let mut encoder = EUC_KR.new_encoder();
            let room = encoder.max_buffer_length_from_utf8_without_replacement(HANGUL.len());
            let mut bytes = Vec::with_capacity(room.expect("it fits"));
            let _ = encoder.encode_from_utf8_to_vec_without_replacement(HANGUL, &mut bytes, true);
            bytes
        });
    });
    Case { name: "EUC-KR, encoded".into(), ours, floor: Some(floor), target: None }
}

fn euc_kr_decode() -> Case {
    let bytes = || EUC_KR.encode(HANGUL).0.into_owned();
    let ours: Work = Box::new(move |measurer| {
        let bytes = bytes();
        measurer.again(|| Charset::EucKr.decode(&bytes));
    });
    let floor: Work = Box::new(move |measurer| {
        let bytes = bytes();
        measurer.again(|| {
            EUC_KR.decode_without_bom_handling_and_without_replacement(&bytes).map(|text| text.len())
        });
    });
    Case { name: "EUC-KR, decoded".into(), ours, floor: Some(floor), target: None }
}

fn record_write() -> Case {
    let ours: Work = Box::new(|measurer| {
        let record = ours::decode(&Scene::simple(&[Some(SIMPLE_APPROVED)], true).undecided());
        measurer.again(|| record.encode());
    });
    let floor: Work = Box::new(|measurer| {
        let row = Scene::simple(&[Some(SIMPLE_APPROVED)], true).undecided();
        let tree: serde_json::Value = serde_json::from_str(json_of(&row.record.0)).expect("JSON");
        let mut text = Vec::with_capacity(8192);
        measurer.again(|| {
            text.clear();
            serde_json::to_writer(&mut text, &tree).expect("JSON");
            text.len()
        });
    });
    Case { name: "record, written".into(), ours, floor: Some(floor), target: None }
}

fn record_read() -> Case {
    let row = || Scene::simple(&[Some(SIMPLE_APPROVED)], true).undecided();
    let ours: Work = Box::new(move |measurer| {
        let row = row();
        measurer.again(|| ours::decode(&row));
    });
    let floor: Work = Box::new(move |measurer| {
        let row = row();
        measurer.again(|| walk(json_of(&row.record.0)));
    });
    Case { name: "record, read".into(), ours, floor: Some(floor), target: None }
}
