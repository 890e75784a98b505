//! The machine against the rules, state by state.

mod approve;
mod easytalk;
mod easytalk_refund;
mod iamport;
mod iamport_answers;
mod iamport_part;
mod iamport_refund;
mod iamport_window;
mod late;
mod person;
mod refund;
mod rescue;
mod resume;
mod rows;
mod runbook;
mod scenario;
mod scripts;
mod secrets;
mod state_machine;
mod table;
mod undecided;
mod words;
mod written;
