//! The `kicc` command from the outside, against an embedded VAN.

mod documented;
mod iamport;
mod products;
mod shop;
mod smoke;
mod transfer;
